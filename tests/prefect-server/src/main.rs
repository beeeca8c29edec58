//! Starts a server for a whole suite: prints its address when it answers, and stops it when standard input ends.
//!
//! `.ci/run` holds the other end of the pipe, so the server goes with it.

#![expect(clippy::print_stdout, reason = "the address is its output")]

use std::io;

use prefect_server::{Options, PrefectServer};

fn main() -> io::Result<()> {
    let mut server = PrefectServer::start(Options::new());
    println!("{}", server.api_url());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    server.stop();
    Ok(())
}
