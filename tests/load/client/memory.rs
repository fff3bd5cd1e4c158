//! What the tokens of many sessions take in memory, against a plain map. Each is measured in a process of its own, in
//! which nothing else has been freed that it could use.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use shared::SystemClock;
use shared::client::token_cache::TokenCache;
use shared::client::token_source::TokenSource;

use super::SESSIONS;
use super::source::{Source, fill, requests};
use crate::harness::{Failure, median};
use crate::process::{output_of, rss_mib};

const ROUNDS: usize = 3;

/// Who keeps the tokens.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Keeper {
    /// Ours.
    Cache,
    /// Texts by texts.
    Map,
}

/// Megabytes that the tokens take.
pub struct Memory {
    pub cache_mib: f64,
    pub map_mib: f64,
}

pub fn measure() -> Result<Memory, Failure> {
    let of = |keeper: &str| -> Result<f64, Failure> {
        Ok(output_of(&["server", "memory", keeper])?.trim().parse()?)
    };
    let (mut cache, mut map) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        map.push(of("map")?);
        cache.push(of("cache")?);
    }
    Ok(Memory { cache_mib: median(cache), map_mib: median(map) })
}

/// Prints what this keeper takes: with the sessions, which it keeps, too.
pub async fn print(keeper: Keeper) -> Result<(), Failure> {
    let source = Arc::new(Source::default());
    let own = std::process::id();
    let before = rss_mib(own)?;
    match keeper {
        Keeper::Cache => {
            let tokens = TokenCache::new(source, SystemClock::shared());
            fill(&tokens, &requests(SESSIONS)?).await?;
            println!("{}", rss_mib(own)? - before);
            black_box(tokens);
        }
        Keeper::Map => {
            let map = plain_map(&source).await?;
            println!("{}", rss_mib(own)? - before);
            black_box(map);
        }
    }
    Ok(())
}

async fn plain_map(source: &Source) -> Result<HashMap<String, String>, Failure> {
    let mut map = HashMap::new();
    for request in requests(SESSIONS)? {
        let session = request.session().map_or("", |session| session.as_json());
        let issued = source.fetch(&request).await?;
        map.insert(session.to_owned(), issued.token.expose().to_owned());
    }
    Ok(map)
}
