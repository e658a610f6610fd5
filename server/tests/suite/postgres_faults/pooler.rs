//! A pooler that gives each transaction another connection, as pgbouncer does in its mode
//! `transaction`. It hands out what was given back last, or what was given back first.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// What was given back.
#[derive(Default)]
struct Idle(Mutex<VecDeque<TcpStream>>, Condvar);

/// Starts one with this many connections to this port. Gives its port.
pub(super) fn start(to: u16, database: &str, connections: usize, is_last_first: bool) -> u16 {
    let idle = Arc::<Idle>::default();
    for _ in 0..connections {
        let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        body.extend(format!("user\0postgres\0database\0{database}\0\0").bytes());
        let length = u32::try_from(body.len() + 4).unwrap();
        server.write_all(&[&length.to_be_bytes()[..], &body].concat()).unwrap();
        while message(&mut server).unwrap()[0] != b'Z' {}
        idle.0.lock().unwrap().push_back(server);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let idle = Arc::clone(&idle);
            // The end of a client ends its thread.
            std::thread::spawn(move || serve(client, &idle, is_last_first));
        }
    });
    port
}

fn serve(mut client: TcpStream, idle: &Idle, is_last_first: bool) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - 4];
        client.read_exact(&mut body)?;
        if body[..4] == 80_877_103_u32.to_be_bytes() {
            client.write_all(b"N")?;
            continue;
        }
        break;
    }
    // Authentication is done, the process has a number, and it is ready.
    client.write_all(b"R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\0\x01\0\0\0\x01Z\0\0\0\x05I")?;
    let mut held: Option<TcpStream> = None;
    loop {
        let asked = message(&mut client)?;
        if asked[0] == b'X' {
            return Ok(());
        }
        let mut server = if let Some(server) = held.take() {
            server
        } else {
            let waiting = idle.0.lock().unwrap();
            let mut waiting = idle.1.wait_while(waiting, |it| it.is_empty()).unwrap();
            let next = if is_last_first { waiting.pop_back() } else { waiting.pop_front() };
            next.unwrap()
        };
        server.write_all(&asked)?;
        if ![b'Q', b'S'].contains(&asked[0]) {
            held = Some(server);
            continue;
        }
        let ready = loop {
            let answer = message(&mut server)?;
            if answer[0] == b'Z' {
                break answer;
            }
            client.write_all(&answer)?;
        };
        // Before the client knows, as in a pooler of one thread.
        if ready[5] == b'I' {
            idle.0.lock().unwrap().push_back(server);
            idle.1.notify_one();
        } else {
            held = Some(server);
        }
        client.write_all(&ready)?;
    }
}

/// One message of the protocol, whole.
fn message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut whole = vec![0; 5];
    stream.read_exact(&mut whole)?;
    let length = u32::from_be_bytes(whole[1..5].try_into().unwrap());
    whole.resize(usize::try_from(length).unwrap() + 1, 0);
    stream.read_exact(&mut whole[5..])?;
    Ok(whole)
}
