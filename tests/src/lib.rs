//! What the end-to-end tests are written with: all services running, and what a caller may say to them.

pub mod backend;
pub mod batch_process;
pub mod browser;
pub mod caller;
pub mod chromium;
pub mod fake_users;
pub mod file_process;
pub mod half_sent;
pub mod late_commit;
pub mod mailbox;
pub mod moody;
pub mod oauth;
pub mod order_process;
pub mod people;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod replica;
pub mod s3;
pub mod social;
pub mod store;
pub mod smtp;
pub mod system;
pub mod tus;
pub mod visitor;
