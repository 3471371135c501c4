//! Rouse in a cluster: watches what is there, scales by /scale, elects a leader, writes status.

pub mod facts;
