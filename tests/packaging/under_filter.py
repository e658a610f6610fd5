#!/usr/bin/python3
"""Runs a program under the system call filter of a systemd unit, without a service manager.

    under_filter.py <unit> <program> [<argument>...]

It understands what lamplight.service uses: SystemCallFilter with sets, SystemCallErrorNumber=EPERM,
MemoryDenyWriteExecute and RestrictAddressFamilies.
"""
import errno
import os
import re
import socket
import subprocess
import sys

import seccomp

PROT_WRITE, PROT_EXEC = 2, 4


def settings(unit):
    with open(unit, encoding="utf-8") as file:
        lines = [line.strip() for line in file if "=" in line and not line.startswith("#")]
    return [tuple(line.split("=", 1)) for line in lines]


def calls_of(name, known={}):
    """The system calls of a set, and of the sets in it."""
    if not name.startswith("@"):
        return {name}
    if name not in known:
        printed = subprocess.run(
            ["systemd-analyze", "--no-pager", "syscall-filter", name], check=True, capture_output=True, text=True
        ).stdout
        members = re.findall(r"^\s+([@\w-]+)$", re.sub("\x1b\\[[0-9;]*m", "", printed), re.M)
        known[name] = set().union(*(calls_of(member) for member in members))
    return known[name]


def main():
    unit, program, *arguments = sys.argv[1:]
    given = settings(unit)
    allowed = calls_of("@default")
    for value in [value for name, value in given if name == "SystemCallFilter"]:
        is_denied = value.startswith("~")
        calls = set().union(*(calls_of(name) for name in value.removeprefix("~").split()))
        allowed = allowed - (calls - calls_of("@default")) if is_denied else allowed | calls
    if dict(given).get("SystemCallErrorNumber") != "EPERM" or len(allowed) < 200:
        sys.exit(f"failed to read {unit}: {len(allowed)} system calls are allowed")

    filter_ = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for call in sorted(allowed - {"mmap", "mprotect", "pkey_mprotect", "socket"}):
        try:
            filter_.add_rule(seccomp.ALLOW, call)
        except RuntimeError:
            pass  # A call of another architecture or of a newer kernel.
    # Memory is never writable and executable, and never becomes executable.
    for protection in (0, PROT_WRITE, PROT_EXEC):
        both = seccomp.Arg(2, seccomp.MASKED_EQ, PROT_WRITE | PROT_EXEC, protection)
        filter_.add_rule(seccomp.ALLOW, "mmap", both)
    filter_.add_rule(seccomp.ALLOW, "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0))
    for family in dict(given)["RestrictAddressFamilies"].split():
        number = int(getattr(socket, family))
        filter_.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, number))
    filter_.load()
    os.execv(program, [program, *arguments])


main()
