//! What each command does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use rouse_testbed::install::{self, IMAGE};
use rouse_testbed::namespace::{self, running};
use rouse_testbed::{Error, Testbed, TestbedConfig, assets as binaries};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// How a testbed is to be.
#[derive(Args, Default)]
pub(crate) struct Up {
    /// Say more of what happens; `RUST_LOG` says it finer
    #[arg(short, long)]
    verbose: bool,
    /// What pods' images mean: NAME=PROGRAM, with its first arguments after spaces; may be given more than once
    #[arg(long = "image", value_name = "NAME=PROGRAM", value_parser = image)]
    images: Vec<(String, Vec<OsString>)>,
    /// Install Rouse: this program is the image of its pods, and with `sample` that of the image `sample`
    #[arg(long, value_name = "PROGRAM")]
    rouse: Option<PathBuf>,
}

fn image(text: &str) -> Result<(String, Vec<OsString>), String> {
    let wrong =
        || "an image is NAME=PROGRAM, such as sample=/usr/local/bin/rouse-sample".to_owned();
    let (name, program) = text.split_once('=').ok_or_else(wrong)?;
    let program: Vec<_> = program.split_whitespace().map(OsString::from).collect();
    if name.is_empty() || program.is_empty() {
        return Err(wrong());
    }
    Ok((name.to_owned(), program))
}

impl Up {
    fn config(&self) -> TestbedConfig {
        let mut images: BTreeMap<_, _> = self.images.iter().cloned().collect();
        if let Some(rouse) = &self.rouse {
            let rouse = rouse.as_os_str().to_owned();
            images.insert("sample".to_owned(), vec![rouse.clone(), "sample".into()]);
            images.insert(IMAGE.to_owned(), vec![rouse]);
        }
        TestbedConfig {
            images,
            ..TestbedConfig::default()
        }
    }

    /// Pods are started elsewhere than in this folder.
    fn find_rouse(&mut self) -> Result<(), Error> {
        if let Some(rouse) = &mut self.rouse {
            let found = rouse.canonicalize();
            *rouse =
                found.map_err(|error| failed(&format!("--rouse {}", rouse.display()), error))?;
        }
        Ok(())
    }
}

/// Prints the folder with the binaries.
pub(crate) fn assets() -> Result<ExitCode, Error> {
    println!("{}", binaries::ensure()?.display());
    Ok(ExitCode::SUCCESS)
}

/// Until Ctrl-C, or until a component ends.
pub(crate) fn up(options: Up) -> Result<ExitCode, Error> {
    namespace::enter()?;
    run(options, async |testbed| {
        let kubeconfig = testbed.kubeconfig_outside();
        say(&format!(
            "  on this machine  export KUBECONFIG={}",
            kubeconfig.display()
        ));
        say("  inside           cargo xtask testbed shell");
        say(&format!(
            "  logs             {}",
            testbed.folder().display()
        ));
        say("Ctrl-C ends it.");
        tokio::select! {
            () = asked_to_end() => Ok(ExitCode::SUCCESS),
            failure = testbed.plane().failed() => Err(Error::Ended(failure)),
        }
    })
}

/// In the testbed that is up, if there is one.
pub(crate) fn shell(options: Up) -> Result<ExitCode, Error> {
    if namespace::inside().is_err()
        && let Some(running) = running::all().pop()
    {
        return Err(join(&running));
    }
    namespace::enter()?;
    run(options, async |testbed| {
        let mut shell = tokio::process::Command::from(shell_in(&testbed.kubeconfig()));
        let mut shell = shell
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed("the shell", error))?;
        tokio::select! {
            ended = shell.wait() => {
                let status = ended.map_err(|error| failed("the shell", error))?;
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
            }
            () = terminated() => Ok(ExitCode::SUCCESS),
        }
    })
}

fn run(
    mut options: Up,
    stay: impl AsyncFnOnce(&Testbed) -> Result<ExitCode, Error>,
) -> Result<ExitCode, Error> {
    log(options.verbose);
    options.find_rouse()?;
    // An error means that somebody else did: the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| failed("runtime", error))?;
    runtime.block_on(async {
        let start = Instant::now();
        let testbed = tokio::select! {
            testbed = Testbed::start(options.config()) => testbed?,
            () = asked_to_end() => return Ok(ExitCode::SUCCESS),
        };
        say(&format!(
            "testbed: up in {:.1} s",
            start.elapsed().as_secs_f64()
        ));
        let stayed = match rouse(&options, &testbed).await {
            Ok(()) => stay(&testbed).await,
            Err(error) => Err(error),
        };
        testbed.stop().await;
        stayed
    })
}

/// Installs it when it is wanted, and waits until it serves.
async fn rouse(options: &Up, testbed: &Testbed) -> Result<(), Error> {
    if options.rouse.is_none() {
        return Ok(());
    }
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let client = testbed.client();
    let installed = async {
        install::install(&client, &deploy, &[]).await?;
        install::ready(&client).await
    };
    tokio::select! {
        installed = installed => installed?,
        () = asked_to_end() => return Ok(()),
    }
    say("  rouse            http://rouse-proxy.rouse.svc inside");
    Ok(())
}

/// Whoever reads this may have left: no reason to end.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn log(verbose: bool) {
    let default = if verbose {
        "info,rouse_testbed=debug"
    } else {
        "warn,kube_client=off"
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

async fn asked_to_end() {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
    }
}

/// By something else than the terminal's Ctrl-C, which in a shell is for what runs in the shell.
async fn terminated() {
    let (Ok(mut terminate), Ok(mut hangup)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// Becomes a shell inside; returns only if that fails.
fn join(running: &running::Running) -> Error {
    let shell = shell_in(&running.folder.join("kubeconfig"));
    let mut nsenter = namespace::nsenter(running.init);
    if let Ok(folder) = std::env::current_dir() {
        let mut option = OsString::from("--wdns=");
        option.push(folder);
        nsenter.arg(option);
    }
    nsenter.arg("--").arg(shell.get_program());
    for (name, value) in shell.get_envs() {
        match value {
            Some(value) => nsenter.env(name, value),
            None => nsenter.env_remove(name),
        };
    }
    failed("nsenter", nsenter.exec())
}

/// A testbed that is started from this shell gets a namespace of its own.
fn shell_in(kubeconfig: &Path) -> Command {
    let shell = std::env::var_os("SHELL").unwrap_or_else(|| OsString::from("/bin/sh"));
    let mut command = Command::new(shell);
    command.env("KUBECONFIG", kubeconfig);
    for name in namespace::VARIABLES {
        command.env_remove(name);
    }
    if let Ok(assets) = binaries::ensure() {
        let mut path = assets.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command.env("PATH", path);
    }
    command
}

fn failed(what: &str, source: std::io::Error) -> Error {
    Error::Io {
        what: what.to_owned(),
        source,
    }
}
