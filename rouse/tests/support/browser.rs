//! Chromium without a window, driven by its debugging protocol. It reaches nothing but this machine.

use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{DEADLINE, get, once, until};

/// A browser with one tab. Dropped it is killed.
pub(crate) struct Browser {
    child: Child,
    tab: WebSocketStream<TcpStream>,
    calls: u64,
    _profile: TempDir,
}

impl Browser {
    /// Opens this address.
    pub(crate) async fn open(url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let folder = profile.path().display();
        let child = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
                "--remote-debugging-port=0",
                "--window-size=1000,700",
            ])
            .arg(format!("--user-data-dir={folder}"))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium; `cargo xtask test` installs it");
        let file = profile.path().join("DevToolsActivePort");
        let port = || {
            let text = std::fs::read_to_string(&file).ok()?;
            text.lines().next()?.parse::<u16>().ok()
        };
        until("chromium listens", async || port().is_some()).await;
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port().unwrap()));
        let mut page = Value::Null;
        until("chromium has a tab", async || {
            let Ok(list) = once(address, get("localhost", "/json/list")).await else {
                return false;
            };
            let tabs = list.json();
            let mut tabs = tabs.as_array().unwrap().iter();
            page = tabs
                .find(|tab| tab["type"] == "page")
                .cloned()
                .unwrap_or_default();
            page.is_object()
        })
        .await;
        let socket = page["webSocketDebuggerUrl"].as_str().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let (tab, _) = client_async(socket, stream).await.unwrap();
        let mut browser = Self {
            child,
            tab,
            calls: 0,
            _profile: profile,
        };
        browser.call("Page.navigate", json!({"url": url})).await;
        browser
    }

    /// Calls a method and returns its result; null when it failed, as it may while a page is being replaced.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let call = json!({"id": self.calls, "method": method, "params": params});
        let answer = async {
            self.tab
                .send(Message::text(call.to_string()))
                .await
                .unwrap();
            loop {
                let message = self.tab.next().await.unwrap().unwrap();
                let Ok(text) = message.to_text() else {
                    continue;
                };
                let value: Value = serde_json::from_str(text).unwrap_or_default();
                if value["id"] == self.calls {
                    return value["result"].clone();
                }
            }
        };
        timeout(DEADLINE, answer).await.expect("chromium answers")
    }

    /// The value of an expression in the page.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        self.call("Runtime.evaluate", params).await["result"]["value"].clone()
    }

    /// The text that a person sees.
    pub(crate) async fn text(&mut self) -> String {
        let text = self
            .value("document.body ? document.body.innerText : ''")
            .await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Prefers this colour scheme (`light` or `dark`).
    pub(crate) async fn prefer(&mut self, scheme: &str) {
        let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": feature}))
            .await;
    }

    /// What it shows, as PNG in base64.
    pub(crate) async fn screenshot(&mut self) -> String {
        let shot = self
            .call("Page.captureScreenshot", json!({"format": "png"}))
            .await;
        shot["data"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
