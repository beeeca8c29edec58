//! Concurrency limits of this process: the mechanism.
//!
//! A limit has a name and a number of slots, which are held and given back, or spent and come back at the limit's rate.
//! Who takes slots of several limits takes all at once or waits, so waiting for slots is never a deadlock. Slots go to
//! those who wait in the order of their arrival. It follows that one who waits for two limits lets nobody pass at either,
//! even where a slot is free.
//!
//! This module knows the limits of one process. It does not know where else there may be limits: that is looked at by
//! `limits`, where programs take slots.

mod bucket;
mod error;
mod limits;
mod line;
mod registry;
mod slots;
mod tags;
mod waiting;

pub use error::ConcurrencyError;
pub(crate) use limits::Limits;
pub use line::ConcurrencyLimit;
pub(crate) use line::{Kind, Request, Unknown};
pub(crate) use slots::HeldSlots;
pub(crate) use tags::{TagSlots, limit_name, tag_limits_exist, take_tags};
pub(crate) use waiting::acquire;

/// The limits of this process.
pub(crate) static PROCESS: Limits = Limits::new();
