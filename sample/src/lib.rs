//! A service to try Rouse with: HTTP/1.1 and HTTP/2 with prior knowledge on one port, gRPC, WebSocket, server-sent events.
//!
//! | path | answer |
//! |---|---|
//! | `/echo` | the request's body and trailers, streamed |
//! | `/upload` | `{"bytes": N, "fnv1a64": "16 hex digits"}` of the body |
//! | `/headers` | method, path, query, version and headers as JSON (`headers`: list of `[name, value]`) |
//! | `/healthz` | 200 `ok`; 503 until ready and while stopping |
//! | `/sse` | `count` (10) events, `interval` (100ms) apart |
//! | `/ws` | WebSocket echo; Close 1001 on SIGTERM |
//! | `/trailers` | a body followed by the trailer `x-checksum` |
//! | `/early` | 413 before the body has come |
//! | `/never` | none |
//! | `/hello45` | 45 bytes |
//! | `/stats` | what was executed, as JSON: [`Stats`] |
//! | any other | one line: `Hello from NAME (pid PID, request N)` |
//! | gRPC `/rouse.sample.Echo/{Unary,ServerStream,ClientStream,Bidi}` | the messages' bytes as they came; metadata `latency`, `count`, `interval`, `grpc-fail` |
//! | gRPC `/grpc.health.v1.Health/Check` | SERVING or NOT_SERVING |
//!
//! With [`Tls`] it speaks TLS instead of plain text, and HTTP/2 by ALPN.
//!
//! Query parameters change one answer: see [`Knobs`]. Every answer to a counted request has `x-sample-pid` and
//! `x-sample-in-flight` (requests that ran when this one started, itself included); `/healthz`, `/stats` and the gRPC
//! health check are not counted. A request ends when the last of its answer is handed to the connection, or when its
//! connection closes: then work on it stops. [`ledger`] proves it over the lifetimes of processes.

mod answer;
mod burn;
mod execution;
mod grpc;
mod knobs;
pub mod ledger;
mod options;
mod run;
mod server;
mod service;
mod tls;
mod units;
mod websocket;

pub use execution::Stats;
pub use knobs::{Abort, Knobs};
pub use options::{OnTerm, Options};
pub use run::run;
pub use server::Server;
pub use tls::Tls;
