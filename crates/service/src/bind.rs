//! Binding sockets, with errors that name the address.
//!
//! `[::]` means every interface, IPv4 included; where the kernel has no IPv6 it falls back to
//! `0.0.0.0`. The sockets are bound before anything else starts, so that a port in use never
//! leaves half a server behind.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Receive buffer requested for UDP sockets, in bytes, sized for a burst of announces. The kernel may
/// grant less.
const UDP_BUFFER: usize = 4 << 20;

/// How many free TCP ports are tried to find one that is free for UDP too.
const PAIR_ATTEMPTS: usize = 32;

/// An address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {address} ({protocol})")]
pub struct BindError {
    address: SocketAddr,
    protocol: &'static str,
    source: io::Error,
}

impl BindError {
    /// The address that could not be bound.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `tcp` or `udp`.
    #[must_use]
    pub const fn protocol(&self) -> &'static str {
        self.protocol
    }

    /// Whether another socket has the address.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// Binds a listening TCP socket, non-blocking. Port 0 takes a free one.
///
/// # Errors
/// The address is in use, is not this host's, or needs a privilege.
pub fn tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bind = |address| {
        let socket = open(address, Type::STREAM, Protocol::TCP)?;
        // A server that is started again must not wait for its predecessor's TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::into(address))?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bind_or_fall_back(address, bind).map_err(|source| BindError {
        address,
        protocol: "tcp",
        source,
    })
}

/// Binds a UDP socket, non-blocking. Port 0 takes a free one.
///
/// # Errors
/// As for [`tcp`].
pub fn udp(address: SocketAddr) -> Result<UdpSocket, BindError> {
    let bind = |address| {
        let socket = open(address, Type::DGRAM, Protocol::UDP)?;
        socket.set_recv_buffer_size(UDP_BUFFER)?;
        socket.bind(&SocketAddr::into(address))?;
        Ok(socket.into())
    };
    bind_or_fall_back(address, bind).map_err(|source| BindError {
        address,
        protocol: "udp",
        source,
    })
}

/// Binds TCP and UDP on the same port number; port 0 takes one that is free for both.
///
/// # Errors
/// As for [`tcp`].
pub fn tcp_and_udp(address: SocketAddr) -> Result<(TcpListener, UdpSocket), BindError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let stream = tcp(address)?;
        let bound =
            stream.local_addr().map_err(|source| BindError { address, protocol: "tcp", source })?;
        match udp(bound) {
            Ok(datagram) => return Ok((stream, datagram)),
            Err(_) if address.port() == 0 && attempt < PAIR_ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}

/// The address by which a process on this host reaches `bound`: loopback for a wildcard.
#[must_use]
pub fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        ip if !ip.is_unspecified() => ip,
        // A wildcard IPv6 socket takes IPv4 too, and loopback IPv4 is always there.
        IpAddr::V4(_) | IpAddr::V6(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    SocketAddr::new(ip, bound.port())
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn bind_or_fall_back<T>(
    address: SocketAddr,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    match bind(address) {
        // EAFNOSUPPORT: the kernel was built or booted without IPv6.
        Err(error)
            if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                && error.kind() == io::ErrorKind::Unsupported =>
        {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        Err(error) if error.raw_os_error() == Some(97) && address.ip().is_unspecified() => {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    #[test]
    fn a_port_in_use_is_named() {
        let first = tcp(loopback(0)).unwrap();
        let taken = first.local_addr().unwrap();
        let error = tcp(taken).unwrap_err();
        assert_eq!(error.to_string(), format!("failed to listen on {taken} (tcp)"));
    }

    #[test]
    fn tcp_and_udp_share_a_port_number() {
        let (stream, datagram) = tcp_and_udp(loopback(0)).unwrap();
        assert_eq!(stream.local_addr().unwrap(), datagram.local_addr().unwrap());
    }

    #[test]
    fn a_wildcard_is_reached_by_loopback() {
        assert_eq!(reachable("[::]:80".parse().unwrap()), loopback(80));
        assert_eq!(reachable("0.0.0.0:80".parse().unwrap()), loopback(80));
        assert_eq!(reachable("[::1]:80".parse().unwrap()), "[::1]:80".parse().unwrap());
    }

    #[test]
    fn the_wildcard_takes_ipv4_too() {
        let listener = tcp("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::net::TcpStream::connect(loopback(port)).unwrap();
    }
}
