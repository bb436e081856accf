//! Where Redis is, and which servers it has there.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use redis::cluster_routing::Slot;
use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, RedisConnectionInfo,
    RedisError, TlsCertificates, Value,
};

use crate::replica::Replica;
use crate::server::{Server, Servers};

/// Where Redis is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// One server.
    Alone(ConnectionInfo),
    /// Sentinels know the server. Their addresses have the credentials and the database of the server; their own
    /// credentials are apart.
    Sentinel { sentinels: Vec<ConnectionInfo>, service: String, own: RedisConnectionInfo },
    /// A Redis Cluster, by some of its servers.
    Cluster(Vec<ConnectionInfo>),
}

impl Place {
    /// Finds the servers.
    pub(crate) async fn find(&self, tls: Option<&TlsCertificates>) -> Result<Servers, RedisError> {
        match self {
            Self::Alone(info) => Ok(Servers::one(Server::new(info.clone(), tls)?)),
            Self::Sentinel { sentinels, service, own } => {
                let ask =
                    async |sentinel: &ConnectionInfo| master((sentinel, own), service, tls).await;
                Ok(Servers::one(first(sentinels, ask).await?))
            }
            Self::Cluster(seeds) => {
                first(seeds, async |seed: &ConnectionInfo| masters(seed, tls).await).await
            }
        }
    }
}

/// Without user and password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (infos, kind, service) = match self {
            Self::Alone(info) => (std::slice::from_ref(info), "", ""),
            Self::Sentinel { sentinels, service, .. } => (&**sentinels, "+sentinel", &**service),
            Self::Cluster(seeds) => (&**seeds, "+cluster", ""),
        };
        let Some(first) = infos.first() else { return Ok(()) };
        if let ConnectionAddr::Unix(path) = first.addr() {
            return write!(f, "unix://{}", path.display());
        }
        let is_by_tls = matches!(first.addr(), ConnectionAddr::TcpTls { .. });
        write!(f, "{}{kind}://", if is_by_tls { "rediss" } else { "redis" })?;
        for (n, info) in infos.iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { "," }, info.addr())?;
        }
        match (first.redis_settings().db(), service) {
            (0, "") => Ok(()),
            (db, "") => write!(f, "/{db}"),
            (db, service) => write!(f, "/{db}/{service}"),
        }
    }
}

/// Asks one after the other, each for its share of the time, and returns the first answer.
async fn first<T>(
    infos: &[ConnectionInfo],
    ask: impl AsyncFn(&ConnectionInfo) -> Result<T, RedisError>,
) -> Result<T, RedisError> {
    let share = TO_FIND / u32::try_from(infos.len()).unwrap_or(u32::MAX).max(1);
    let mut why = refusal("it has no address");
    for info in infos {
        match tokio::time::timeout(share, ask(info)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => why = error,
            Err(_) => why = refusal(&format!("{} does not answer", info.addr())),
        }
    }
    Err(why)
}

/// Asks a sentinel for the master of a service.
async fn master(
    (sentinel, own): (&ConnectionInfo, &RedisConnectionInfo),
    service: &str,
    tls: Option<&TlsCertificates>,
) -> Result<Server, RedisError> {
    let info = sentinel.clone().set_redis_settings(own.clone());
    let mut connection = Server::without_push(info, tls)?.open(None).await?;
    let ask = redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(service).take();
    let answer: Option<(String, u16)> = query(&mut connection, &ask).await?;
    let (host, port) =
        answer.ok_or_else(|| refusal(&format!("the sentinel knows no master of {service}")))?;
    let server = Server::new(at(sentinel, host, port), tls)?;
    // A sentinel that does not know yet of another master may name a server that is none any more.
    let role: Vec<Value> = query(&mut server.open(None).await?, &redis::cmd("ROLE").take()).await?;
    match role.first().map(String::from_redis_value_ref) {
        Some(Ok(role)) if role == "master" => Ok(server),
        _ => Err(refusal("the sentinel named a server that is no master")),
    }
}

/// Asks a server of a Redis Cluster which masters have which slots.
async fn masters(
    seed: &ConnectionInfo,
    tls: Option<&TlsCertificates>,
) -> Result<Servers, RedisError> {
    let mut connection = Server::new(seed.clone(), tls)?.open(None).await?;
    let ranges: Vec<Vec<Value>> =
        query(&mut connection, &redis::cmd("CLUSTER").arg("SLOTS").take()).await?;
    let mut found: Vec<(String, u16)> = Vec::new();
    let mut slots = HashMap::new();
    // With the numbers of their masters.
    let mut replicas = BTreeMap::new();
    for range in ranges {
        let [begin, end, master, others @ ..] = &*range else {
            return Err(refusal("CLUSTER SLOTS has another form"));
        };
        let (begin, end) = (u16::from_redis_value_ref(begin)?, u16::from_redis_value_ref(end)?);
        let address = address_of(master, seed)?;
        let n = found.iter().position(|other| *other == address).unwrap_or_else(|| {
            found.push(address);
            found.len() - 1
        });
        slots.extend((begin..=end).filter_map(Slot::new).map(|slot| (slot, n)));
        for replica in others {
            replicas.insert(address_of(replica, seed)?, n);
        }
    }
    if found.is_empty() {
        return Err(refusal("no server of the Redis Cluster has slots"));
    }
    let server = |(host, port): (String, u16)| Server::new(at(seed, host, port), tls);
    let servers: Result<Vec<_>, RedisError> = found.into_iter().map(server).collect();
    let replicas: Result<Vec<_>, RedisError> = replicas
        .into_iter()
        .map(|(address, master)| Ok(Replica::new(server(address)?, master)))
        .collect();
    Ok(Servers::of_cluster(servers?, slots, replicas?))
}

/// Reads `[host, port, …]`. A server that does not know its own name leaves it out.
fn address_of(master: &Value, seed: &ConnectionInfo) -> Result<(String, u16), RedisError> {
    let Value::Array(fields) = master else {
        return Err(refusal("CLUSTER SLOTS has another form"));
    };
    let [host, port, ..] = &**fields else {
        return Err(refusal("CLUSTER SLOTS has another form"));
    };
    let host = Option::<String>::from_redis_value_ref(host)?.filter(|host| !host.is_empty());
    let host = match (host, seed.addr()) {
        (Some(host), _) => host,
        (None, ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => host.clone(),
        (None, _) => return Err(refusal("CLUSTER SLOTS names no host")),
    };
    Ok((host, u16::from_redis_value_ref(port)?))
}

/// The same as another server, at another address.
fn at(info: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let address = if let ConnectionAddr::TcpTls { insecure, tls_params, .. } = info.addr() {
        let (insecure, tls_params) = (*insecure, tls_params.clone());
        ConnectionAddr::TcpTls { host, port, insecure, tls_params }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    info.clone().set_addr(address)
}

async fn query<T: FromRedisValue>(
    connection: &mut redis::aio::MultiplexedConnection,
    command: &Cmd,
) -> Result<T, RedisError> {
    command.query_async(connection).await
}

fn refusal(why: &str) -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, "Redis was not found", why.to_owned()))
}

/// All addresses have to be asked in this time.
const TO_FIND: Duration = Duration::from_secs(4);
