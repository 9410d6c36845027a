//! `carillon plugin`: the process of a plugin that runs apart.

use std::{fs, path::PathBuf};

use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tungstenite::http::HeaderValue;

use super::{Failure, Outcome};
use crate::{
    apart::{self, Address, TOKEN_VARIABLE},
    registry,
};

#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    /// The plugin, as `carillon plugins` shows it
    name: String,
    /// The address of a node; all of them, where there are several
    #[arg(long, value_name = "URL", required = true)]
    node: Vec<Address>,
    /// A file with the token that `carillon plugins token NAME` printed; without it, the token
    /// comes from the environment variable CARILLON_PLUGIN_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Runs a plugin's handlers until `SIGTERM` or `SIGINT`, and then what is under way.
pub(super) async fn plugin(args: PluginArgs) -> Outcome {
    let plugins = registry::apart();
    let able: Vec<_> = plugins.iter().map(|plugin| format!("`{}`", plugin.name())).collect();
    let plugin = plugins.into_iter().find(|plugin| plugin.name() == args.name);
    let plugin = plugin.ok_or_else(|| {
        let (name, able) = (args.name.escape_debug(), able.join(", "));
        Failure(format!("`{name}` is no plugin that may run apart; those that may are {able}"))
    })?;
    let token = token(args.token_file)?;
    let (ends, down) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("going down");
        ends.send_replace(true);
        // A second one cuts it short.
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(1);
    });
    apart::run(plugin, args.node, token, down).await;
    Ok(())
}

/// The token as a header. It never stands among the arguments: every process could read it there.
fn token(file: Option<PathBuf>) -> Result<HeaderValue, Failure> {
    let text = match file {
        Some(file) => fs::read_to_string(&file)
            .map_err(|error| Failure(format!("cannot read {}: {error}", file.display())))?,
        None => std::env::var(TOKEN_VARIABLE).map_err(|_| {
            Failure(format!("set {TOKEN_VARIABLE} or --token-file to the plugin's token"))
        })?,
    };
    let header = HeaderValue::try_from(format!("Bearer {}", text.trim()));
    let mut header = header.map_err(|_| Failure("this is no plugin's token".into()))?;
    header.set_sensitive(true);
    Ok(header)
}
