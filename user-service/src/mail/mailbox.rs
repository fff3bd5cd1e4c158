//! [`MailboxFolder`]: where mail goes while there is no mail server: a folder, a file for each.

use std::path::{Path, PathBuf};

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use shared::Timestamp;

use crate::mail::{Mail, SendError, message};

/// So much of it is shown.
const SHOWN: usize = 50;

/// Each mail is a file as it would have been sent (`.eml`), and beside it what is in it (`.json`), to be shown.
#[derive(Clone, Debug)]
pub(crate) struct MailboxFolder {
    folder: PathBuf,
}

/// What is shown of a mail.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) at: Timestamp,
}

impl MailboxFolder {
    /// Makes the folder where it is missing, for nobody else's eyes: codes are in it.
    pub(crate) fn open(folder: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Keeps it; once, however often it is sent.
    pub(crate) async fn keep(&self, mail: &Mail, from: &Mailbox) -> Result<(), SendError> {
        let letter = mail.letter.clone();
        let shown = Shown {
            to: mail.to.as_str().to_owned(),
            subject: letter.subject,
            text: letter.text,
            html: letter.html,
            at: mail.created_at,
        };
        let shown = serde_json::to_vec(&shown);
        let shown = shown.map_err(|error| SendError::Malformed(error.to_string()))?;
        self.write(&format!("{}.eml", mail.id), message(mail, from)?.formatted()).await?;
        self.write(&format!("{}.json", mail.id), shown).await
    }

    /// Under another name first: whoever looks sees a whole file or none.
    async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), SendError> {
        let (path, unfinished) = (self.folder.join(name), self.folder.join(format!("{name}.part")));
        let written = async {
            tokio::fs::write(&unfinished, bytes).await?;
            tokio::fs::rename(&unfinished, &path).await
        };
        written.await.map_err(|error| SendError::Away(format!("{}: {error}", path.display())))
    }

    /// The last ones, the newest first.
    pub(crate) async fn list(&self) -> std::io::Result<Vec<Shown>> {
        let (mut names, mut folder) = (Vec::new(), tokio::fs::read_dir(&self.folder).await?);
        while let Some(entry) = folder.next_entry().await? {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                names.push(path);
            }
        }
        // A name begins with the time.
        names.sort_unstable_by(|one, other| other.cmp(one));
        let mut shown = Vec::new();
        for path in names.iter().take(SHOWN) {
            shown.extend(serde_json::from_slice(&tokio::fs::read(path).await?));
        }
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::Email;
    use crate::mail::Letter;

    #[tokio::test]
    async fn what_is_kept_twice_is_there_once_and_the_newest_comes_first()
    -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mailbox = MailboxFolder::open(&folder.path().join("mail"))?;
        let to = Email::parse("min@hanbit.example")?;
        let letter = |text: &str| Letter {
            subject: text.to_owned(),
            text: text.to_owned(),
            html: text.to_owned(),
        };
        let moments = (Timestamp::default(), Timestamp::default());
        let (one, two) =
            (Mail::new(&to, letter("하나"), moments), Mail::new(&to, letter("둘"), moments));
        let from = "baton <no-reply@localhost>".parse()?;
        for mail in [&one, &two, &one] {
            mailbox.keep(mail, &from).await?;
        }
        let subjects: Vec<_> = mailbox.list().await?.into_iter().map(|own| own.subject).collect();
        assert_eq!(subjects, ["둘", "하나"]);
        let files = std::fs::read_dir(folder.path().join("mail"))?.count();
        assert_eq!(files, 4);
        Ok(())
    }
}
