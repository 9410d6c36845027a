//! A chat in a terminal, made of lines: it works through a pipe as well.
//!
//! ```sh
//! cargo run -p carillon-client --example chat -- --url http://127.0.0.1:8080 --login amy
//! ```

mod screen;

use std::{error::Error, path::PathBuf};

use carillon_client::{
    Client, Options, Receipt, Server, Update, login,
    protocol::{
        ConvId, Event, Topic,
        conv::{self, Summary},
        msg, org, receipt,
    },
    text,
};
use clap::Parser;
use screen::{Screen, clean};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin},
    task::JoinSet,
};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Messages that are shown when a conversation is opened.
const HISTORY: u32 = 20;

/// Talk in a terminal.
#[derive(Parser)]
struct Args {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The certificate of its local authority, if it has one.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A token, as `carillon token --user NAME` makes one.
    #[arg(long, env = "CARILLON_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Sign in by name instead; asks for the password.
    #[arg(long, conflicts_with = "token")]
    login: Option<String>,
    /// The password, instead of being asked.
    #[arg(long, env = "CHAT_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Open the direct conversation with this person.
    #[arg(long, value_name = "LOGIN")]
    with: Option<String>,
    /// Open the group with this title.
    #[arg(long, value_name = "TITLE", conflicts_with = "with")]
    group: Option<String>,
    /// Keep messages that are not sent yet in this folder.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Outcome {
    let args = Args::parse();
    let mut lines = BufReader::new(stdin()).lines();
    let mut server = Server::new(&args.url);
    if let Some(ca) = &args.ca {
        server = server.ca(std::fs::read(ca)?);
    }
    let token = match (&args.token, &args.login) {
        (Some(token), _) => token.clone(),
        (None, Some(name)) => {
            let password = match &args.password {
                Some(password) => password.clone(),
                None => {
                    eprintln!("password of {name} (shown as you type):");
                    lines.next_line().await?.ok_or("no password")?
                }
            };
            login(server.clone(), name, &password).await?.token
        }
        (None, None) => return Err("say who you are: --login NAME or --token TOKEN".into()),
    };
    let mut options = Options::new(server, token);
    if let Some(state) = &args.state {
        options = options.state_dir(state);
    }
    let client = Client::connect(options).await?;
    let screen = Screen::new(client.clone()).await?;
    Chat { client, screen, convs: Vec::new(), open: None, sending: JoinSet::new() }
        .run(&args, &mut lines)
        .await
}

/// The conversation on the screen.
struct Open {
    conv: ConvId,
    title: String,
    /// One's own newest message, and how many had read it when it was last shown.
    own: Option<(u64, u64)>,
}

struct Chat {
    client: Client,
    screen: Screen,
    /// As `/list` numbered them.
    convs: Vec<Summary>,
    open: Option<Open>,
    /// Messages without an answer.
    sending: JoinSet<(ConvId, Result<msg::Sent, carillon_client::Error>)>,
}

impl Chat {
    async fn run(mut self, args: &Args, lines: &mut Lines<BufReader<Stdin>>) -> Outcome {
        let mut events = self.client.events();
        let me = self.client.whoami().await?;
        println!("You are {}. /list /open N /read /who /quit; a line is a message.", me.name);
        self.list().await?;
        if let Some(conv) = self.wanted(args).await? {
            self.show(conv).await?;
        }
        loop {
            let done = tokio::select! {
                line = lines.next_line() => match line? {
                    Some(line) if line.trim() == "/quit" => break,
                    Some(line) => self.line(line.trim()).await,
                    None => break,
                },
                Some(update) = events.next() => self.update(update).await,
                Some(sent) = self.sending.join_next() => self.sent(sent?).await,
            };
            // A refusal concerns one line, not the chat.
            if let Err(error) = done {
                println!("  ! {error}");
            }
        }
        // What was typed is answered before the program ends.
        while let Some(sent) = self.sending.join_next().await {
            self.sent(sent?).await?;
        }
        self.client.close().await;
        Ok(())
    }

    /// The conversation that the command line names.
    async fn wanted(&self, args: &Args) -> Outcome<Option<ConvId>> {
        if let Some(title) = &args.group {
            let group = |c: &&Summary| c.kind == conv::Kind::Group && c.title == *title;
            let found = self.convs.iter().find(group);
            return Ok(Some(found.ok_or(format!("you are in no group named {title}"))?.conv));
        }
        let Some(login) = &args.with else { return Ok(None) };
        let mut after = None;
        loop {
            let page = self
                .client
                .call(&org::ListMembers { after, limit: Some(200), ..Default::default() })
                .await?;
            if let Some(person) = page.members.iter().find(|person| person.login == *login) {
                return Ok(Some(self.client.open(person.user).await?));
            }
            after = page.members.last().map(|person| person.user);
            if !page.more || after.is_none() {
                return Err(format!("there is nobody named {login}").into());
            }
        }
    }

    async fn line(&mut self, line: &str) -> Outcome {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "" => Ok(()),
            "/list" => self.list().await,
            "/open" => {
                let number: usize = rest.trim().parse().map_err(|_| "/open needs a number")?;
                let found = number.checked_sub(1).and_then(|at| self.convs.get(at));
                let conv = found.ok_or("no such number; see /list")?.conv;
                self.show(conv).await
            }
            "/read" => self.readers().await,
            "/who" => self.members().await,
            _ if command.starts_with('/') => Err("/list /open N /read /who /quit".into()),
            _ => self.say(line).await,
        }
    }

    async fn list(&mut self) -> Outcome {
        self.convs = self.client.conversations().await?;
        // The newest first: ids of events begin with their time.
        self.convs.sort_by_key(|conv| std::cmp::Reverse(conv.last.as_ref().map(|last| last.id)));
        for (at, conv) in self.convs.iter().enumerate() {
            let unread = if conv.unread > 0 { format!("({})", conv.unread) } else { "".into() };
            let last = conv.last.as_ref().and_then(text).unwrap_or_default();
            let last: String = clean(&last).chars().take(40).collect();
            println!("{:>3} {:>5} {}: {last}", at + 1, unread, clean(&conv.title));
        }
        Ok(())
    }

    /// Puts a conversation on the screen, and says that it is there.
    async fn show(&mut self, conv: ConvId) -> Outcome {
        let summary = self.client.call(&conv::Get { conv }).await?;
        let title = clean(&summary.title);
        println!("--- {title}, {} members, {} unread", summary.members, summary.unread);
        self.screen.learn(conv).await?;
        let history = self.client.history(conv, HISTORY).await?;
        history.iter().for_each(|event| self.screen.print(event));
        let mine = |event: &&Event| event.by == self.client.me();
        let own = history.iter().rev().find(mine).map(|event| (event.seq, 0));
        self.open = Some(Open { conv, title, own });
        if let (Some(first), Some(last)) = (history.first(), history.last()) {
            self.client.read(conv, first.seq, last.seq).await?;
        }
        self.read_state().await
    }

    async fn say(&mut self, line: &str) -> Outcome {
        let open = self.open.as_ref().ok_or("open a conversation first: /open N")?;
        let conv = open.conv;
        let body = msg::Body::Text { text: line.to_owned(), mentions: vec![] };
        let queued: Receipt =
            self.client.queue(msg::Send { conv, body, reply_to: None, everybody: false }).await?;
        println!("  · queued");
        self.sending.spawn(async move { (conv, queued.sent().await) });
        Ok(())
    }

    async fn sent(
        &mut self,
        (conv, sent): (ConvId, Result<msg::Sent, carillon_client::Error>),
    ) -> Outcome {
        let sent = sent?;
        println!("  · sent as {}", sent.seq);
        if let Some(open) = self.open.as_mut().filter(|open| open.conv == conv)
            && open.own.is_none_or(|(seq, _)| seq < sent.seq)
        {
            open.own = Some((sent.seq, 0));
        }
        Ok(())
    }

    async fn update(&mut self, update: Update) -> Outcome {
        match update {
            Update::Event(event) => self.event(event).await,
            Update::Ephemeral(eph) if &*eph.k == "receipts" => {
                let here = |open: &Open| eph.topic == Some(Topic::Conv(open.conv));
                if self.open.as_ref().is_some_and(here) {
                    self.read_state().await?;
                }
                Ok(())
            }
            Update::Offline { retry_in, reason } => {
                println!("  · offline ({reason}); next try in {} ms", retry_in.as_millis());
                Ok(())
            }
            Update::Synced => {
                println!("  · online");
                Ok(())
            }
            Update::Ended(error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn event(&mut self, event: Event) -> Outcome {
        let (Topic::Conv(conv), Some(said)) = (&event.topic, text(&event)) else { return Ok(()) };
        let mine = event.by == self.client.me();
        match &self.open {
            Some(open) if open.conv == *conv => {
                self.screen.print(&event);
                if !mine {
                    self.client.read(*conv, event.seq, event.seq).await?;
                }
            }
            _ if !mine => {
                self.screen.learn(*conv).await?;
                let at = self.convs.iter().position(|known| known.conv == *conv);
                let title = at.map_or("a new one; see /list".into(), |at| {
                    format!("{} {}", at + 1, clean(&self.convs[at].title))
                });
                println!("  · in {title}: {}: {}", self.screen.name(event.by), clean(&said));
            }
            _ => {}
        }
        Ok(())
    }

    /// "read by 3 of 13", when it is news.
    async fn read_state(&mut self) -> Outcome {
        let Some(open) = &mut self.open else { return Ok(()) };
        let Some((seq, shown)) = open.own else { return Ok(()) };
        let (read, total) = self.client.read_count(open.conv, seq).await?;
        if read > shown {
            open.own = Some((seq, read));
            println!("  · {seq} read by {read} of {total}");
        }
        Ok(())
    }

    /// Who has read one's newest message here, and who has not.
    async fn readers(&self) -> Outcome {
        let open = self.open.as_ref().ok_or("open a conversation first: /open N")?;
        let (seq, _) = open.own.ok_or("you have written nothing here lately")?;
        for (state, label) in [(receipt::State::Read, "read"), (receipt::State::Unread, "unread")] {
            let list = self.client.receipts(open.conv, seq, state).await?;
            let names: Vec<_> = list.people.iter().map(|person| clean(&person.name)).collect();
            println!("  {seq} {label} ({}): {}", list.total, names.join(", "));
        }
        Ok(())
    }

    async fn members(&self) -> Outcome {
        let open = self.open.as_ref().ok_or("open a conversation first: /open N")?;
        let members = self.client.members(open.conv).await?;
        let names: Vec<_> = members.iter().map(|member| clean(&member.name)).collect();
        println!("  {}, {} members: {}", open.title, names.len(), names.join(", "));
        Ok(())
    }
}
