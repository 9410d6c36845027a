//! From a name to its addresses.

use std::{io, net::IpAddr};

use async_trait::async_trait;

/// Who knows the addresses of a name.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `host`, the best first.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// What the operating system says: its resolver, its file of hosts, its search domains.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

#[async_trait]
impl Resolve for System {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}
