//! The doors that requests come in by: the one for everybody, and, if `--admin-listen` has one made, the one for operators.
//! Who reaches that is believed to be one, so it owns what it keeps from those who do not know that they reach it.

use std::net::{IpAddr, Ipv6Addr};

use hyper::header;
use hyper::{Request, StatusCode};

use crate::api;
use crate::dashboard;
use crate::edge::TurnedAway;
use crate::origin::is_loopback_host;
use crate::routes::Route;
use crate::upgrade::one;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Public,
    Operators,
}

impl Door {
    /// The setting that says where it is.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Door::Public => "--listen",
            Door::Operators => "--admin-listen",
        }
    }

    /// Whether a request that the edge hears is heard at this door.
    pub(crate) fn hears<B>(self, request: &Request<B>) -> Result<(), TurnedAway> {
        let path = request.uri().path();
        let is_secret = api::owns(path) || dashboard::owns(path);
        let host = one(request.headers(), &header::HOST).unwrap_or_default();
        match self {
            // A page's name can be made to lead anywhere, and its browser would then ask this door in its name.
            Door::Operators if is_secret && !is_address(host) => {
                let message = "By a name only the metrics and the health are told here; ask by the address.";
                Err(TurnedAway { status: StatusCode::MISDIRECTED_REQUEST, code: "misdirected", message })
            }
            Door::Operators | Door::Public => Ok(()),
        }
    }

    /// Whether what is there for everybody is there at this door, too.
    pub(crate) fn has(self, route: &Route) -> bool {
        match (self, route) {
            (Door::Public, _) | (Door::Operators, Route::Health | Route::Ready | Route::Metrics | Route::Server) => {
                true
            }
            (Door::Operators, Route::Page(page)) => page.name != "index.html",
            (
                Door::Operators,
                Route::Personal(_)
                | Route::BadRoom
                | Route::Party(_)
                | Route::Asset(_)
                | Route::Folder
                | Route::Nothing,
            ) => false,
        }
    }
}

/// Whether a `Host` is this machine's own or an address, and no name that somebody can make up.
fn is_address(host: &str) -> bool {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let name = host.split(':').next().unwrap_or_default();
    is_loopback_host(host) || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin2_only_addresses_are_no_names() {
        for host in ["127.0.0.1:9099", "10.0.0.7", "[::1]:9099", "[fd00::7]", "localhost", "localhost:9099"] {
            assert!(is_address(host), "{host}");
        }
        for host in ["", "kanvas", "kanvas.example.com:9099", "10.0.0.7.example.com", "localhost.example.com", "[x]"] {
            assert!(!is_address(host), "{host}");
        }
    }
}
