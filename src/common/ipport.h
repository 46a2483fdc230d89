/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses with a port as configurations have them: 192.0.2.1, 192.0.2.1:53,
 * 2001:db8::1, [2001:db8::1] or [2001:db8::1]:53.
 */
#ifndef IPPORT_H
#define IPPORT_H

#include <sys/socket.h>

#include <netinet/in.h>
#include <stdint.h>

#define IPPORT_TEXT (INET6_ADDRSTRLEN + 8) /* [ADDRESS]:PORT */

/* addr: 16 bytes, those of IPv4 mapped (RFC 4291); *port is left when the text
 * has none. 0 or -1. */
int ipport_parse(const char *text, uint8_t addr[16], uint16_t *port);
/* As the kernel takes it, an IPv4 address as one of AF_INET. Its length. */
socklen_t ipport_sockaddr(const uint8_t addr[16], uint16_t port,
    struct sockaddr_storage *);
/* The other way. 0, or -1: neither of the two families. */
int ipport_from_sockaddr(const struct sockaddr_storage *, uint8_t addr[16],
    uint16_t *port);
/* A socket's own end. 0 or -1. */
int ipport_own(int fd, uint8_t addr[16], uint16_t *port);
/* As people write it, an IPv4 address as one; with a port that of IPv6 is in
 * brackets. */
void ipport_addr_text(const uint8_t addr[16], char text[INET6_ADDRSTRLEN]);
void ipport_text(const uint8_t addr[16], uint16_t port, char text[IPPORT_TEXT]);

#endif
