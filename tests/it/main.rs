//! The end-to-end tests: a file for each behaviour.

mod accounts;
mod configuration;
mod examples;
mod file_downloads;
mod file_storage;
mod kills;
mod main_job;
mod order_lifecycle;
mod products_and_users;
mod route_guards;
mod session_travel;
mod token_endpoint;
mod session_policies;
mod token_exchange;
mod many_tokens;
mod client_assertions;
mod hardening;
mod limits_and_clients;
mod replicas;
mod outages;
mod introspection_and_revocation;
mod administration;
mod logins;
mod social_login;
mod account_page;
