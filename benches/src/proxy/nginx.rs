//! nginx, as a peer and as everyone's upstream.

use std::fmt::Write as _;
use std::path::Path;

use tokio::process::Command;

use super::{Options, host};
use crate::child::Running;
use crate::error::Result;
use crate::setup::{Folder, installed};

/// For every nginx here: one process, no log of requests, connections that stay.
fn config(folder: &Path, name: &str, http: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; worker_processes 1;
error_log {folder}/{name}.error.log; pid {folder}/{name}.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {folder}/{name}-body; proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi; uwsgi_temp_path {folder}/{name}-uwsgi; scgi_temp_path {folder}/{name}-scgi;
{http}}}
"
    )
}

fn start(folder: &Folder, core: usize, name: &str, text: &str) -> Result<Running> {
    let file = folder.write(&format!("{name}.conf"), text)?;
    let mut command = Command::new("taskset");
    command
        .args(["-c", &core.to_string()])
        .arg(installed("nginx")?);
    // Without -e it opens Debian's own error log first.
    command
        .arg("-p")
        .arg(&folder.0)
        .arg("-e")
        .arg(folder.path("nginx.log"))
        .arg("-c")
        .arg(file);
    Running::start(command, &folder.path(&format!("{name}.log")))
}

fn upstream_config(folder: &Folder, name: &str, port: &str) -> String {
    let server = format!(
        "  server {{ listen 127.0.0.1:{port} backlog=4096; default_type text/plain; location / {{ return 200 \"{}\"; }} }}\n",
        "x".repeat(45)
    );
    config(&folder.0, name, &server)
}

/// Answers everything with 45 bytes.
pub(super) fn upstream(folder: &Folder, port: u16, core: usize) -> Result<Running> {
    start(
        folder,
        core,
        "upstream",
        &upstream_config(folder, "upstream", &port.to_string()),
    )
}

/// The same upstream as a command that listens on `$PORT`.
pub(super) fn upstream_command(folder: &Folder, core: usize) -> Result<Vec<String>> {
    folder.write(
        "replica.template",
        &upstream_config(folder, "replica", "PORT"),
    )?;
    let (nginx, folder) = (installed("nginx")?, folder.0.display());
    let (nginx, config) = (nginx.display(), format!("{folder}/replica.conf"));
    let script = format!(
        "sed \"s/:PORT/:$PORT/\" {folder}/replica.template > {config} && \
         exec taskset -c {core} {nginx} -p {folder} -e {folder}/nginx.log -c {config}"
    );
    Ok(["sh", "-c", &script].map(str::to_owned).to_vec())
}

/// A server per host, all to the one upstream.
pub(super) fn proxy(
    folder: &Folder,
    port: u16,
    upstream: u16,
    options: &Options,
) -> Result<Running> {
    let mut http = format!(
        "  server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
  upstream sample {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
"
    );
    for n in 0..options.routes {
        let _ = writeln!(
            http,
            "  server {{ listen 127.0.0.1:{port}; server_name {}; location / {{ proxy_pass http://sample; }} }}",
            host(n)
        );
    }
    start(
        folder,
        options.proxy_core,
        "nginx",
        &config(&folder.0, "nginx", &http),
    )
}
