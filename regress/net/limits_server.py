# SPDX-License-Identifier: Apache-2.0
"""
What sessions of limits.sh and of stress/connections.sh reach at an address: 7000
sends as many bytes as a line of the client asks for, 7001 reads to the end and
says how many bytes that were, 7002 sends back what comes, 7003 sends for ever and
reads nothing, 443 says nothing. limits_server.py ADDRESS prints "ready"; with 1
behind it, what is at 7000 is at 7004 and there is nothing else.
"""
import asyncio
import resource
import sys

BLOCK = bytes(65536)


async def source(r, w):
    left = int(await r.readline())
    while left > 0:
        n = min(left, len(BLOCK))
        w.write(BLOCK[:n])
        await w.drain()
        left -= n


async def sink(r, w):
    n = 0
    while data := await r.read(65536):
        n += len(data)
    w.write(b"%d\n" % n)


async def echo(r, w):
    while data := await r.read(65536):
        w.write(data)
        await w.drain()


async def flood(_, w):
    while True:
        w.write(BLOCK)
        await w.drain()


async def silent(r, _):
    await r.read(1)


def handler(how):
    async def one(r, w):
        try:
            await how(r, w)
            await w.drain()
        except (OSError, ValueError):
            pass
        finally:
            w.close()
    return one


async def main():
    n = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))
    ports = ((7000, source), (7001, sink), (7002, echo), (7003, flood), (443, silent))
    if sys.argv[2:] == ["1"]:
        ports = ((7004, source),)
    servers = [await asyncio.start_server(handler(how), sys.argv[1], port, backlog=4096)
               for port, how in ports]
    print("ready", flush=True)
    await asyncio.gather(*(s.serve_forever() for s in servers))

asyncio.run(main())
