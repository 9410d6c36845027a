//! What the product promises, through the doors that people use.

mod chat;
mod kit;
