//! batch-service: jobs that work for many companies in turn, each under its own session.

pub mod cli;
pub mod config;
pub mod startup;
pub mod job;
pub mod window;
pub mod schedule;
pub mod manifest;
pub mod jobs;
pub mod runner;
mod order_api;
mod user_api;
mod file_api;
mod pipe;
mod repository;
pub mod money;
mod metrics;
mod progress;
pub mod report;
mod error;

pub use async_trait::async_trait;
pub use chrono_tz;
pub use cli::{Jobs, main};
pub use error::BatchError;

/// What jobs answer with.
pub type Result<T> = std::result::Result<T, BatchError>;
