//! `carillon serve`.

use std::io::IsTerminal;

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::{Failure, Outcome, say};
use crate::{
    config::Config,
    demo,
    http::web,
    node::Start,
    server::Server,
    tls::{Page, in_the_network},
};

/// Runs the server until `SIGTERM` or `SIGINT`; a second one cuts its goodbyes short. The first
/// line that it prints names the address.
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
    let mut hangup = signal(SignalKind::hangup())?;
    let terminal = std::io::stdout().is_terminal();
    let start = Start { demo, ..Start::default() };
    let server = Server::start(config, listener, start).await?;
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    announce(&format!("{scheme}://{}", in_the_network(address)), &server)?;
    let replaced = server.node.store.clone();
    loop {
        tokio::select! {
            why = replaced.replaced() => {
                // What clients were told is of another log: each moment more is wrong.
                server.stop_unless(std::future::ready(())).await;
                return Err(why.into());
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            // Whose terminal has gone ends with it; everybody else asks for the new certificate.
            _ = hangup.recv() => match terminal && !std::io::stdout().is_terminal() {
                true => break,
                false => server.renew_certificate(),
            },
        }
    }
    tracing::info!("going down");
    let again = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.stop_unless(again).await;
    Ok(())
}

fn announce(url: &str, started: &Server) -> Outcome {
    say(&format!("listening on {url}"))?;
    if !web::is_built() {
        say("\nthe web app is not built: run `make web`")?;
    }
    if let Some(path) = &started.setup_path {
        say(&format!("\nset up your organisation here, once:\n  {url}{path}"))?;
    }
    if started.demo.is_some() {
        say(&invitation(url))?;
    }
    if let Some(page) = started.tls.as_ref().and_then(|tls| tls.page()) {
        say(&trust(page))?;
    }
    Ok(())
}

/// How devices come to trust the local authority. The code is for who sits before a terminal.
fn trust(page: &Page) -> String {
    let mut text = format!(
        "\nfor a phone or another computer to trust this server, open there:\n  {}\n\
         and compare the numbers of its certificate:\n  {}\n",
        page.address(),
        page.fingerprint().join("\n  "),
    );
    if !page.is_for_others() {
        text += "\nonly this machine reaches that address: to be found by others, listen on \
                 0.0.0.0, as with --listen 0.0.0.0:8443\n";
    } else if std::io::stdout().is_terminal() {
        text += &format!("\n{}", page.terminal_code());
    }
    text
}

/// Where to click. Browsers keep apart who is signed in at either name of this machine, so that
/// one browser is enough for two people.
fn invitation(url: &str) -> String {
    let other = url.replace("//127.0.0.1", "//localhost");
    let second = if other == url { "in a private window" } else { &other };
    format!(
        "\n{} is open. Choose who you are:\n  {url}\n\
         and somebody else, to talk with:\n  {second}\n\n\
         Everybody's password is `{}`.",
        demo::COMPANY,
        demo::PASSWORD,
    )
}
