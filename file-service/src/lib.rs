//! file-service: the files of a company, streamed up and down.

pub mod process;
pub mod config;
pub mod startup;
mod state;
pub mod routes;
pub mod openapi;
mod handlers;
mod domain;
mod repository;
mod storage;
mod error;
mod reply;
