//! What the client does when things go wrong that a real server does not do on demand.
//!
//! The server is a few lines of our own (`peer`). How long the client waits between attempts is tested where it is
//! computed; here the waits are short, because the server asks for them (`Retry-After`).

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![expect(clippy::disallowed_methods, reason = "nothing here knows of an ambient context")]

mod blocking;
mod credentials;
mod peer;
mod proxies;
mod retries;
mod tls;
mod websockets;
