//! order-service: products, and the orders of companies.

pub mod process;
pub mod config;
pub mod startup;
mod state;
pub mod routes;
pub mod openapi;
mod handlers;
mod domain;
mod repository;
mod auth_api;
mod file_api;
mod receipts;
mod error;
mod reply;
