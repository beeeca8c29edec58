//! Last words: what servers have not been told when a program ends.
//!
//! The program waits until they have been, and shows how far that is if it takes longer than a moment. It does not wait for
//! a server that is away: what cannot be delivered is kept in a file, and the people are told so.

use std::io::{IsTerminal as _, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::record::Undelivered;
use crate::record::server::Server;
use crate::runner;

/// How often is shown how far delivery is.
const SHOWN_EVERY: Duration = Duration::from_secs(1);
/// How often is shown how far it is where nothing can be overwritten.
const SHOWN_SELDOM: u32 = 10;
/// How long a program takes that was asked to end.
const HURRY: Duration = Duration::from_secs(5);
/// How long a program takes as long as there is progress: a server that records forty events a second gets through 140,000.
const LONGEST: Duration = Duration::from_secs(3600);

/// Delivers all there is to every server of this process, and tells people on `stderr` what was not.
pub(super) fn deliver(stderr: &mut (impl Write + ?Sized)) {
    for server in Server::all() {
        let undelivered = wait(&server, stderr);
        if !undelivered.is_nothing() {
            // If nobody listens, there is nobody to tell.
            writeln!(stderr, "warning: {}", report(server.api_url(), &undelivered)).ok();
        }
    }
}

fn wait(server: &Server, stderr: &mut (impl Write + ?Sized)) -> Undelivered {
    let (over, is_over) = mpsc::channel();
    let mut hurries = runner::interrupted().is_some();
    server.shut_down(Instant::now() + if hurries { HURRY } else { LONGEST }, over.clone());
    let redraws = std::io::stderr().is_terminal();
    let mut rounds = 0;
    let undelivered = loop {
        match is_over.recv_timeout(SHOWN_EVERY) {
            Ok(undelivered) => break undelivered,
            Err(RecvTimeoutError::Disconnected) => break Undelivered::default(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        rounds += 1;
        if !hurries && runner::interrupted().is_some() {
            hurries = true;
            server.shut_down(Instant::now() + HURRY, over.clone());
        }
        if redraws || rounds % SHOWN_SELDOM == 1 {
            let waiting = server.waiting();
            let end = if redraws { "\x1b[K\r" } else { "\n" };
            let url = server.api_url();
            write!(stderr, "telling the server at {url}: {waiting} events to go{end}").ok();
            stderr.flush().ok();
        }
    };
    if redraws && rounds > 0 {
        write!(stderr, "\x1b[K").ok();
    }
    undelivered
}

/// What was not delivered, for people.
fn report(url: &str, undelivered: &Undelivered) -> String {
    let kept = [
        (undelivered.states, "last state of a flow run", "last states of flow runs"),
        (undelivered.events, "event", "events"),
        (undelivered.logs, "log line", "log lines"),
    ];
    let kept: Vec<String> = kept
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
        .collect();
    let mut text = String::new();
    if !kept.is_empty() {
        text = format!(
            "{} could not be delivered to the server at {url}; kept in `{}`, and delivered when a program next talks to it",
            kept.join(", "),
            undelivered.kept_in.display(),
        );
    }
    if undelivered.lost > 0 {
        let join = if text.is_empty() { "" } else { "; " };
        text.push_str(join);
        text.push_str(&format!(
            "{} events or log lines for the server at {url} are lost: it cannot take them, or they could not be kept",
            undelivered.lost
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_what_and_where() {
        let undelivered = Undelivered {
            events: 12,
            logs: 1,
            states: 1,
            lost: 0,
            kept_in: "/home/ann/.prefect/context/spool/a1".into(),
        };
        assert_eq!(
            report("http://a/api", &undelivered),
            "1 last state of a flow run, 12 events, 1 log line could not be delivered to the server at http://a/api; \
             kept in `/home/ann/.prefect/context/spool/a1`, and delivered when a program next talks to it"
        );
        let lost = Undelivered { lost: 2, ..Undelivered::default() };
        assert!(report("http://a/api", &lost).starts_with("2 events or log lines for the server"));
    }
}
