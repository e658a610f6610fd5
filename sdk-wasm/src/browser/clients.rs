//! The clients of this page, by number. JavaScript and the callbacks of web APIs know a client by
//! its number alone, so nothing of a client that has ended is kept alive or called.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Shell;
use super::shell::PageClient;

thread_local! {
    static CLIENTS: RefCell<Vec<Rc<Shell>>> = const { RefCell::new(Vec::new()) };
    static LAST_NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// A number that no client of this page has had.
pub(super) fn next_number() -> u32 {
    LAST_NUMBER.set(LAST_NUMBER.get() + 1);
    LAST_NUMBER.get()
}

pub(super) fn add(shell: Rc<Shell>) {
    CLIENTS.with_borrow_mut(|clients| clients.push(shell));
}

pub(super) fn find(number: u32) -> Option<Rc<Shell>> {
    CLIENTS.with_borrow(|clients| clients.iter().find(|shell| shell.number == number).cloned())
}

pub(super) fn remove(number: u32) {
    let at = |clients: &Vec<Rc<Shell>>| clients.iter().position(|shell| shell.number == number);
    let removed = CLIENTS.with_borrow_mut(|clients| at(clients).map(|at| clients.swap_remove(at)));
    drop(removed);
}

/// Calls `act` with a client, then does what the client asked for. `None` when there is no such
/// client, or when it is busy: it called a web API that the page replaced with a function that
/// calls the client.
pub fn with<R>(number: u32, act: impl FnOnce(&mut PageClient) -> R) -> Option<R> {
    let (shell, mut client) = take(number)?;
    let result = act(&mut client);
    put_back(&shell, client);
    Some(result)
}

// Not generic, so that the module has them once.

#[inline(never)]
fn take(number: u32) -> Option<(Rc<Shell>, Box<PageClient>)> {
    let shell = find(number)?;
    let client = shell.client.take()?;
    Some((shell, client))
}

#[inline(never)]
fn put_back(shell: &Shell, client: Box<PageClient>) {
    shell.client.set(Some(client));
    shell.follow_up();
}

/// The same for callbacks of web APIs, which have no caller that could handle an error:
/// JavaScript catches what `act` throws, and ends the client.
pub(super) fn with_caught(number: u32, act: impl FnOnce(&mut PageClient)) {
    let Some(shell) = find(number) else { return };
    let mut act = Some(act);
    shell.listener.run(&mut || {
        if let Some(act) = act.take() {
            with(number, act);
        }
    });
}

/// Ends a client whose code failed in the middle of its work: releases its Web Lock, listeners and
/// timer, so that other tabs send its events. Its memory is not reused, because its state may be
/// inconsistent: it is where the failed call left it, and not in its shell.
pub fn abandon(number: u32) {
    if let Some(shell) = find(number) {
        shell.release();
    }
}
