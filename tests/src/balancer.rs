//! [`Balancer`]: spreads connections over the replicas of a service that say they are ready, as a cluster's Service does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::caller::Caller;

/// How often each replica is asked whether it is ready; a cluster does so every few seconds, and hears of a pod that is being
/// stopped at once.
const PROBE: Duration = Duration::from_millis(200);

/// Connections go to one replica after the other, and stay there until one of both ends closes them.
pub struct Balancer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Shared {
    backends: Mutex<Vec<Backend>>,
    next: AtomicUsize,
}

#[derive(Clone)]
struct Backend {
    address: SocketAddr,
    health: String,
    ready: bool,
}

impl Balancer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let (taking, probing) = (Arc::clone(&shared), Arc::clone(&shared));
        let taking = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(pass(caller, Arc::clone(&taking)));
            }
        });
        let probing = tokio::spawn(async move {
            loop {
                probing.probe().await;
                tokio::time::sleep(PROBE).await;
            }
        });
        Self { address, shared, tasks: [taking, probing] }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this replica gets connections while it says at `health` that it is ready.
    pub fn add(&self, address: SocketAddr, health: &str) {
        let backend = Backend { address, health: health.to_owned(), ready: false };
        self.shared.backends.lock().unwrap().push(backend);
    }

    /// How many are ready, as far as it knows.
    pub fn ready(&self) -> usize {
        self.shared.backends.lock().unwrap().iter().filter(|backend| backend.ready).count()
    }
}

impl Shared {
    async fn probe(&self) {
        let known = self.backends.lock().unwrap().clone();
        for backend in known {
            let asked = Caller::new(None).request(Method::GET, &backend.health).send().await;
            let ready = asked.is_ok_and(|answer| answer.status() == 200);
            let mut backends = self.backends.lock().unwrap();
            let own = backends.iter_mut().find(|own| own.address == backend.address);
            if let Some(own) = own {
                own.ready = ready;
            }
        }
    }

    /// Those that are ready, another one first each time.
    fn in_turn(&self) -> Vec<SocketAddr> {
        let backends = self.backends.lock().unwrap();
        let mut ready: Vec<_> =
            backends.iter().filter(|own| own.ready).map(|own| own.address).collect();
        if !ready.is_empty() {
            let first = self.next.fetch_add(1, Ordering::SeqCst) % ready.len();
            ready.rotate_left(first);
        }
        ready
    }
}

/// One connection. A replica that does not take it is passed over, as a cluster's proxies do.
async fn pass(mut caller: TcpStream, shared: Arc<Shared>) {
    for address in shared.in_turn() {
        if let Ok(mut replica) = TcpStream::connect(address).await {
            let _ = caller.set_nodelay(true);
            let _ = replica.set_nodelay(true);
            // However it ends, both ends have seen it.
            let _ = copy_bidirectional(&mut caller, &mut replica).await;
            return;
        }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
