//! Profiles: settings under a name, of which one is active.

mod profile;

pub use profile::Profile;
