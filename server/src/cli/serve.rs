//! `carillon serve`.

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{Failure, Outcome, say};
use crate::{
    config::Config,
    demo::{self, Company},
    server::{Server, Start},
};

/// Runs the server until `SIGTERM` or `SIGINT`. The first line that it prints names the address.
pub(super) async fn serve(config: &Config, demo: bool) -> Outcome {
    if demo && !config.listen.ip().is_loopback() {
        return Err(Failure(format!(
            "the demo's passwords are public, so it listens on this machine only; \
             {} is not a loopback address: leave out --demo, or listen on 127.0.0.1",
            config.listen
        )));
    }
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        Failure(format!("cannot listen on {}: {error}; choose another --listen", config.listen))
    })?;
    let address = listener.local_addr()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let start = Start { demo, ..Start::default() };
    let server = Server::start(config, listener, start).await?;
    announce(&format!("http://{address}"), &server)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("going down");
    server.stop().await;
    Ok(())
}

fn announce(url: &str, started: &Server) -> Outcome {
    say(&format!("listening on {url}"))?;
    if let Some(path) = &started.setup_path {
        say(&format!("\nset up your organisation here, once:\n  {url}{path}"))?;
    }
    if let Some(company) = &started.demo {
        say(&invitation(url, company))?;
    }
    Ok(())
}

/// What to do with the demo company, with commands to copy.
fn invitation(url: &str, company: &Company) -> String {
    let logins: Vec<&str> = company.people.keys().map(String::as_str).collect();
    format!(
        "\n{} is open. Everybody's password is `{}`: {}.\n\n\
         Talk as two people, in two terminals:\n  \
         cargo run -p carillon-client --example chat -- --url {url} --login amy\n  \
         cargo run -p carillon-client --example chat -- --url {url} --login bob\n",
        demo::COMPANY,
        demo::PASSWORD,
        logins.join(", "),
    )
}
