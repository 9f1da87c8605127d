//! Ports for programs that cannot choose a free one themselves.

use std::sync::{Mutex, PoisonError};

use socket2::{Domain, Socket, Type};

/// The sockets that hold the reserved ports until the test's process ends.
static RESERVED: Mutex<Vec<Socket>> = Mutex::new(Vec::new());

/// Reserves a TCP port of all interfaces, IPv4 and IPv6, until the test's process ends.
///
/// A socket stays bound to the port without listening, so no other program is given the port, while
/// one that asks for it by number and sets `SO_REUSEADDR`, as servers do, can listen on it.
///
/// # Panics
/// No port is free.
#[must_use]
pub fn reserve_port() -> u16 {
    let reserve = || {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
        socket.set_only_v6(false)?;
        socket.set_reuse_address(true)?;
        socket.bind(&std::net::SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0)).into())?;
        Ok::<_, std::io::Error>(socket)
    };
    let socket = reserve().expect("a port is free");
    let address = socket.local_addr().ok().and_then(|address| address.as_socket());
    let port = address.expect("a bound socket has an address").port();
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    port
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_server_can_listen_on_a_reserved_port() {
        let port = reserve_port();
        // The standard library sets SO_REUSEADDR.
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("it is reserved");
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
        drop(listener);
        TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).expect("it is still reserved");
    }

    #[test]
    fn a_reserved_port_is_not_given_to_another_program() {
        let port = reserve_port();
        let other = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
        let address = std::net::SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        assert!(other.bind(&address.into()).is_err(), "a port is chosen without SO_REUSEADDR");
    }
}
