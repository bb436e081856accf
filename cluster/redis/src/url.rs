//! URLs of Redis, as other programs read them.

use redis::{ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, parse_redis_url};

use crate::place::Place;

/// A URL that says of no Redis where it is. It does not repeat the URL, which may have a password in it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a URL of Redis: {0}")]
pub struct InvalidUrl(String);

/// Reads a URL:
///
/// ```text
/// url     = scheme "://" [ [ user ] [ ":" password ] "@" ] host [ ":" port ] [ "/" db ]
///         | ( "unix" | "redis+unix" ) "://" path
///         | scheme "+sentinel://" [ … "@" ] host [ ":" port ] *( "," host [ ":" port ] ) "/" [ db ] "/" service
///         | scheme "+cluster://" [ … "@" ] host [ ":" port ] *( "," host [ ":" port ] )
/// scheme  = "redis" | "rediss" | "valkey" | "valkeys"
/// ```
///
/// `db`, `username` and `password` may be in the query, too, and `sentinel_username` and `sentinel_password` are what
/// sentinels ask for. The form with sentinels is that of python-socketio.
pub(crate) fn parse(url: &str) -> Result<Place, InvalidUrl> {
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| InvalidUrl("it has no scheme".into()))?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    match scheme.split_once('+') {
        Some((scheme, "sentinel")) => sentinel(scheme, authority, path, query),
        Some((scheme, "cluster")) => {
            Ok(Place::Cluster(each(scheme, authority, &format!("{path}?{query}"), 6379)?))
        }
        _ => Ok(Place::Alone(one(url)?)),
    }
}

fn sentinel(scheme: &str, authority: &str, path: &str, query: &str) -> Result<Place, InvalidUrl> {
    let (db, service) = path.split_once('/').unwrap_or((path, ""));
    if service.is_empty() {
        return Err(InvalidUrl("the name of the service is missing, after the database".into()));
    }
    let sentinels = each(scheme, authority, &format!("{db}?{query}"), 26379)?;
    let mut own = RedisConnectionInfo::default();
    let url = parse_redis_url(&format!("redis://sentinel?{query}"));
    for (name, value) in url.iter().flat_map(|url| url.query_pairs()) {
        own = match &*name {
            "sentinel_username" => own.set_username(value),
            "sentinel_password" => own.set_password(value),
            _ => own,
        };
    }
    Ok(Place::Sentinel { sentinels, service: service.to_owned(), own })
}

/// One URL for each of several hosts, with the same database and query.
fn each(
    scheme: &str,
    authority: &str,
    rest: &str,
    port: u16,
) -> Result<Vec<ConnectionInfo>, InvalidUrl> {
    let (credentials, hosts) = match authority.rsplit_once('@') {
        Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
        None => (String::new(), authority),
    };
    let read = |host: &str| {
        // A colon inside of brackets belongs to an address of IPv6.
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let port = if has_port { String::new() } else { format!(":{port}") };
        one(&format!("{scheme}://{credentials}{host}{port}/{rest}"))
    };
    hosts.split(',').map(read).collect()
}

fn one(url: &str) -> Result<ConnectionInfo, InvalidUrl> {
    let url = parse_redis_url(url)
        .ok_or_else(|| InvalidUrl("its scheme or its form is another one".into()))?;
    let query: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let info = url.into_connection_info().map_err(|error| InvalidUrl(error.to_string()))?;
    let mut settings = info.redis_settings().clone();
    for (name, value) in &query {
        settings = match &**name {
            "db" => {
                let db = value.parse();
                settings.set_db(db.map_err(|_| InvalidUrl("the database is no number".into()))?)
            }
            "username" => settings.set_username(value),
            "password" => settings.set_password(value),
            _ => settings,
        };
    }
    Ok(info.set_redis_settings(settings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ConnectionAddr;

    fn alone(url: &str) -> ConnectionInfo {
        match parse(url).unwrap() {
            Place::Alone(info) => info,
            other @ (Place::Sentinel { .. } | Place::Cluster(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_url_has_user_password_host_port_and_database() {
        let info = alone("redis://us%40er:p%2Fw@host:7000/3");
        assert_eq!(*info.addr(), ConnectionAddr::Tcp("host".into(), 7000));
        let settings = info.redis_settings();
        assert_eq!(settings.username(), Some("us@er"));
        assert_eq!(settings.password(), Some("p/w"));
        assert_eq!(settings.db(), 3);
        let info = alone("valkey://:pw@[::1]");
        assert_eq!(*info.addr(), ConnectionAddr::Tcp("::1".into(), 6379));
        assert_eq!(
            (info.redis_settings().username(), info.redis_settings().password()),
            (None, Some("pw"))
        );
    }

    #[test]
    fn the_query_may_have_database_and_credentials() {
        let info = alone("unix:///run/redis.sock?db=2&username=u&password=p");
        assert_eq!(*info.addr(), ConnectionAddr::Unix("/run/redis.sock".into()));
        let settings = info.redis_settings();
        assert_eq!(
            (settings.db(), settings.username(), settings.password()),
            (2, Some("u"), Some("p"))
        );
        assert_eq!(alone("redis://host?db=4").redis_settings().db(), 4);
    }

    #[test]
    fn tls_has_a_scheme() {
        let ConnectionAddr::TcpTls { host, port, .. } = alone("rediss://host:1").addr().clone()
        else {
            panic!("no TLS");
        };
        assert_eq!((&*host, port), ("host", 1));
    }

    #[test]
    fn sentinels_share_password_database_and_service() {
        let url = "redis+sentinel://:pw@a,b:1,[::1]/2/main";
        let Place::Sentinel { sentinels, service, own } = parse(url).unwrap() else { panic!() };
        assert_eq!((&*service, own.username(), own.password()), ("main", None, None));
        let addresses: Vec<_> = sentinels.iter().map(|info| info.addr().clone()).collect();
        let expected = [("a", 26379), ("b", 1), ("::1", 26379)];
        assert_eq!(addresses, expected.map(|(host, port)| ConnectionAddr::Tcp(host.into(), port)));
        for info in &sentinels {
            let settings = info.redis_settings();
            assert_eq!((settings.db(), settings.password()), (2, Some("pw")));
        }
    }

    #[test]
    fn sentinels_may_have_credentials_of_their_own() {
        let url =
            "redis+sentinel://u:pw@a,b/2/main?sentinel_username=s%20u&sentinel_password=s%2Fp";
        let Place::Sentinel { sentinels, service, own } = parse(url).unwrap() else { panic!() };
        assert_eq!((&*service, own.username(), own.password()), ("main", Some("s u"), Some("s/p")));
        let master = sentinels[1].redis_settings();
        assert_eq!((master.username(), master.password(), master.db()), (Some("u"), Some("pw"), 2));
    }

    #[test]
    fn a_cluster_has_several_hosts() {
        let Place::Cluster(seeds) = parse("rediss+cluster://a,b:1?username=u&password=p").unwrap()
        else {
            panic!()
        };
        assert_eq!(seeds[1].redis_settings().password(), Some("p"));
        let Place::Cluster(seeds) = parse("rediss+cluster://u:p@a,b:1").unwrap() else { panic!() };
        assert_eq!(seeds.len(), 2);
        assert!(matches!(seeds[1].addr(), ConnectionAddr::TcpTls { port: 1, .. }));
        assert_eq!(seeds[0].redis_settings().username(), Some("u"));
    }

    #[test]
    fn f11_what_is_no_url_of_redis_is_refused_without_its_password() {
        for url in [
            "127.0.0.1:6379",
            "http://u:secret@host",
            "amqp+sentinel://u:secret@host//s",
            "redis://u:secret@host/first",
            "redis://u:secret@host?db=first",
            "redis+sentinel://u:secret@host/0",
            "redis+cluster://u:secret@",
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
