//! One cold start at a time: bare, and through Rouse.

use std::time::Duration;

use tokio::time::Instant;

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::{WatchStreamExt, watcher};
use rouse_sample::ledger::{Event, Ledger};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::fixture::{Bed, host};
use crate::error::{Error, Result, While};
use crate::http;
use crate::stats::percentile;
use crate::wake::unix_ns;

const ANSWER: Duration = Duration::from_secs(60);
/// Between two tries of the bare start's address.
const POLL: Duration = Duration::from_millis(2);
/// In turns, so that one can fall asleep while another is woken.
const NAMES: u32 = 6;

/// When things were seen, in milliseconds since the request (or the PATCH) was sent.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// The Deployment asks for a replica.
    counted: f64,
    created: f64,
    scheduled: f64,
    addressed: f64,
}

/// One cold start, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Cold {
    seen: Seen,
    /// The PATCH left: the count was seen, and this long before the API server had been asked.
    sent: f64,
    /// The process accepts, by its own clock.
    accepts: f64,
    /// The proxy was told the address, or an earlier step of the start, by what it says of the wait.
    told: f64,
    whole: f64,
}

/// Cold starts of each kind.
pub(super) struct Turns {
    bare: Vec<Cold>,
    rouse: Vec<Cold>,
}

impl Turns {
    /// When what happens, of both.
    pub(super) fn stages(&self) -> String {
        let row = |name: &str, of: fn(&Cold) -> f64| {
            let at = |all: &[Cold]| {
                let values: Vec<_> = all.iter().map(of).collect();
                [0.5, 0.9, 1.0].map(|share| percentile(&values, share))
            };
            let ([bare, bare90, bare_most], [rouse, rouse90, rouse_most]) =
                (at(&self.bare), at(&self.rouse));
            format!(
                "| {name} | {bare:.1} | {bare90:.1} | {bare_most:.1} | {rouse:.1} | {rouse90:.1} | {rouse_most:.1} |\n"
            )
        };
        format!(
            "| {} of each in turns, ms after the PATCH (bare) or the request (Rouse) | bare p50 | p90 | most | Rouse p50 | p90 | most |\n\
             |---|---:|---:|---:|---:|---:|---:|\n{}{}{}{}{}{}{}{}",
            self.bare.len(),
            row("PATCH sent", |one| one.sent),
            row("count changed", |one| one.seen.counted),
            row("pod created", |one| one.seen.created),
            row("pod scheduled", |one| one.seen.scheduled),
            row("address known", |one| one.seen.addressed),
            row("address told to the proxy", |one| one.told),
            row("port accepts", |one| one.accepts),
            row("answer", |one| one.whole),
        )
    }

    /// Whole cold starts, in milliseconds: bare and through Rouse.
    pub(super) fn whole(&self, share: f64) -> (f64, f64) {
        let at = |all: &[Cold]| {
            let values: Vec<_> = all.iter().map(|one| one.whole).collect();
            percentile(&values, share)
        };
        (at(&self.bare), at(&self.rouse))
    }

    /// Through Rouse, in milliseconds.
    fn after_port(&self) -> Vec<f64> {
        let rouse = self.rouse.iter();
        rouse.map(|one| one.whole - one.accepts).collect()
    }
}

/// The main table.
pub(super) async fn table(bed: &Bed, wakes: u32) -> Result<String> {
    let turns = turns(bed, "cold", wakes, &[]).await?;
    let over = |share| {
        let (bare, rouse) = turns.whole(share);
        rouse - bare
    };
    Ok(format!(
        "{}\nRouse over bare: {:+.1} ms at the median, {:+.1} ms at p90.\n",
        turns.stages(),
        over(0.5),
        over(0.9),
    ))
}

/// With a process that takes its time to listen.
pub(super) async fn slow(bed: &Bed, wakes: u32, delay: u32) -> Result<String> {
    let flag = format!("{delay}ms");
    let turns = turns(
        bed,
        &format!("slow{delay}"),
        wakes,
        &["--start-delay", &flag],
    )
    .await?;
    let after = turns.after_port();
    Ok(format!(
        "Started {delay} ms slowly, {wakes} wakes: port accepts -> answer p50 {:.1} ms, p90 {:.1} ms, most {:.1} ms.\n",
        percentile(&after, 0.5),
        percentile(&after, 0.9),
        percentile(&after, 1.0),
    ))
}

/// Some of each kind, in turns; `flags` are the sample's.
pub(super) async fn turns(bed: &Bed, name: &str, wakes: u32, flags: &[&str]) -> Result<Turns> {
    for n in 0..NAMES {
        bed.deploy(&format!("{name}-bare-{n}"), flags).await?;
        bed.deploy(&format!("{name}-rouse-{n}"), flags).await?;
        bed.scaled(&format!("{name}-rouse-{n}"), "500ms").await?;
        routed(bed, &format!("{name}-rouse-{n}")).await?;
    }
    let (mut bare, mut rouse) = (Vec::new(), Vec::new());
    for n in 0..wakes {
        let turn = n % NAMES;
        let names = (
            format!("{name}-bare-{turn}"),
            format!("{name}-rouse-{turn}"),
        );
        if n % 2 == 0 {
            bare.push(self::bare(bed, &names.0).await?);
            rouse.push(through(bed, &names.1).await?);
        } else {
            rouse.push(through(bed, &names.1).await?);
            bare.push(self::bare(bed, &names.0).await?);
        }
    }
    Ok(Turns { bare, rouse })
}

/// The first request of all, which also shows that the route is there.
async fn routed(bed: &Bed, name: &str) -> Result<()> {
    super::fixture::until(&format!("{name} is routed"), async || {
        let answer = http::get(bed.proxy, &host(name), "/", ANSWER).await?;
        Ok(answer.status == 200)
    })
    .await
}

async fn bare(bed: &Bed, name: &str) -> Result<Cold> {
    bed.asleep(name).await?;
    let mut changes = watched(bed, name).await?;
    let (began, began_ns) = (Instant::now(), unix_ns());
    bed.scale(name, 1).await?;
    let (mut seen, mut address) = (Seen::default(), None);
    while address.is_none() {
        let change = changes.recv().await.while_(|| "the watch".to_owned())?;
        address = note(&mut seen, &change, began);
    }
    let address = address.unwrap_or_default();
    while TcpStream::connect((address.as_str(), 8080)).await.is_err() {
        sleep(POLL).await;
    }
    let answered = http::get((address.as_str(), 8080), &host(name), "/", ANSWER).await?;
    let whole = millis(began);
    check(name, answered.status, &answered.text)?;
    let accepts = accepts(bed, name, began_ns)?;
    bed.scale(name, 0).await?;
    Ok(Cold {
        seen,
        sent: 0.0,
        accepts,
        told: seen.addressed,
        whole,
    })
}

async fn through(bed: &Bed, name: &str) -> Result<Cold> {
    bed.asleep(name).await?;
    // The scaler has it from the same watch; give it the same moment.
    sleep(Duration::from_millis(20)).await;
    let mut changes = watched(bed, name).await?;
    let asked = bed.raising().await?;
    let (began, began_ns) = (Instant::now(), unix_ns());
    let answered = http::get(bed.proxy, &host(name), "/", ANSWER).await?;
    let whole = millis(began);
    check(name, answered.status, &answered.text)?;
    let mut seen = Seen::default();
    // The pod has its address, or there would be no answer; the watch may be behind.
    while seen.addressed == 0.0 || seen.counted == 0.0 {
        let change = changes.recv().await.while_(|| "the watch".to_owned())?;
        note(&mut seen, &change, began);
    }
    let accepts = accepts(bed, name, began_ns)?;
    let took = bed.raising().await? - asked;
    let told = timing(&answered.text, "rouse-schedule");
    Ok(Cold {
        seen,
        told: told.while_(|| "an answer without Server-Timing".to_owned())?,
        sent: (seen.counted - took * 1e3).max(0.0),
        accepts,
        whole,
    })
}

/// A part of what `Server-Timing` says, in milliseconds.
fn timing(head: &str, part: &str) -> Option<f64> {
    let after = head.split_once(&format!("{part};dur="))?.1;
    let end = after.find(|c: char| c != '.' && !c.is_ascii_digit());
    after[..end?].parse().ok()
}

fn check(name: &str, status: u16, text: &str) -> Result<()> {
    match status {
        200 => Ok(()),
        _ => Err(Error(format!("{name}: {text}"))),
    }
}

/// One of what a cold start changes.
enum Change {
    Count(Box<Deployment>),
    Pod(Box<Pod>),
}

/// A Deployment and its pods as they change, each with its time.
async fn watched(bed: &Bed, name: &str) -> Result<mpsc::Receiver<(Instant, Change)>> {
    let (found, changes) = mpsc::channel(64);
    let pods = watcher::Config::default().labels(&format!("app={name}"));
    let deployment = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let pods = begun(watcher(bed.pods(), pods).boxed()).await?;
    let deployment = begun(watcher(bed.deployments(), deployment).boxed()).await?;
    let pods = pods.map_ok(|pod| Change::Pod(Box::new(pod)));
    let counts = deployment.map_ok(|deployment| Change::Count(Box::new(deployment)));
    let mut all = futures_util::stream::select(pods, counts);
    tokio::spawn(async move {
        while let Some(Ok(change)) = all.next().await {
            if found.send((Instant::now(), change)).await.is_err() {
                return;
            }
        }
    });
    Ok(changes)
}

/// What is touched after the first list, which has ended: the watch stands.
async fn begun<K: Clone + 'static>(
    mut stream: BoxStream<'static, watcher::Result<watcher::Event<K>>>,
) -> Result<impl Stream<Item = watcher::Result<K>>> {
    while let Some(event) = stream.try_next().await.while_(|| "the watch".to_owned())? {
        if matches!(event, watcher::Event::InitDone) {
            break;
        }
    }
    Ok(stream.applied_objects())
}

/// Notes what is new; gives the pod's address once it has one.
fn note(seen: &mut Seen, (at, change): &(Instant, Change), began: Instant) -> Option<String> {
    let now = at.saturating_duration_since(began).as_secs_f64() * 1e3;
    let first = |time: &mut f64| {
        if *time == 0.0 {
            *time = now;
        }
    };
    let pod = match change {
        Change::Pod(pod) => pod,
        Change::Count(deployment) => {
            if deployment.spec.replicas > Some(0) {
                first(&mut seen.counted);
            }
            return None;
        }
    };
    first(&mut seen.created);
    let spec = pod.spec.as_ref();
    if spec.is_some_and(|spec| spec.node_name.is_some()) {
        first(&mut seen.scheduled);
    }
    let address = pod.status.as_ref()?.pod_ip.clone()?;
    first(&mut seen.addressed);
    Some(address)
}

/// When the newest process listened.
fn accepts(bed: &Bed, name: &str, began_ns: u64) -> Result<f64> {
    let ledger = Ledger::read(bed.ledger(name)).while_(|| format!("the ledger of {name}"))?;
    let listening = ledger
        .records()
        .iter()
        .rev()
        .find(|one| matches!(one.event, Event::Listening { .. }));
    let at = listening
        .while_(|| format!("{name} never listened"))?
        .unix_ns;
    Ok(at.saturating_sub(began_ns) as f64 / 1e6)
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
