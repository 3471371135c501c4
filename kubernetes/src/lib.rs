//! Rouse in a cluster: watches what is there, scales by /scale, elects a leader, writes status.

pub mod by_hand;
pub mod certificates;
#[cfg(feature = "chaos")]
pub mod chaos;
pub mod client;
pub mod events;
pub mod facts;
pub mod front;
pub mod index;
pub mod lease;
pub mod members;
pub mod origin;
pub mod platform;
mod scale;
mod secret;
mod shared;
pub mod status;
#[cfg(test)]
mod testing;
mod usage;
mod watch;
