//! [`OrderProcess`]: order-service as a process beside a [`System`], on a database that no other service uses.

use auth_service::domain::client::Client;
use standalone::settlement::client_for_all_companies;

use crate::process::{Process, free_ports, is_ready, unheard};
use crate::system::System;
use crate::{known_secrets, logs};

pub struct OrderProcess {
    pub url: String,
    health: String,
    process: Process,
    settings: Vec<(&'static str, String)>,
}

impl OrderProcess {
    /// It brings receipts to this file-service, and is known to auth-service by a name of its own.
    pub async fn start(system: &System, file_url: &str) -> Self {
        let client = client_for_all_companies("order-process", "file:write").expect("a client");
        let serves = ["order-service".to_owned()].into();
        let client = Client { serves, exchange: ["file-service".to_owned()].into(), ..client };
        let secret = system.services.register(&client).await.expect("it is registered");
        known_secrets::note(secret.expose());
        let [port, management] = free_ports();
        let issuer = system.services.auth.url();
        let settings = vec![
            ("BATON_ORDER_DATABASE_URL", system.options.databases.batch.clone()),
            ("BATON_ORDER_LISTEN", format!("127.0.0.1:{port}")),
            ("BATON_ORDER_MANAGEMENT_LISTEN", format!("127.0.0.1:{management}")),
            ("BATON_ORDER_JWKS_URL", format!("{issuer}/.well-known/jwks.json")),
            ("BATON_ORDER_TOKEN_URL", format!("{issuer}/oauth2/token")),
            ("BATON_ORDER_FILE_URL", file_url.to_owned()),
            ("BATON_ORDER_CLIENT_ID", "order-process".to_owned()),
            ("BATON_ORDER_CLIENT_SECRET", secret.expose().to_owned()),
            ("BATON_ORDER_ISSUER", issuer),
            ("BATON_ORDER_LOG", logs::level("error")),
        ];
        let process = Process::start(unheard("order-service", &settings));
        let url = format!("http://127.0.0.1:{port}");
        let health = format!("http://127.0.0.1:{management}/readyz");
        let own = Self { url, health, process, settings };
        is_ready(&own.health).await;
        own
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// The same again, on the same ports.
    pub async fn restart(&mut self) {
        self.process = Process::start(unheard("order-service", &self.settings));
        is_ready(&self.health).await;
    }
}
