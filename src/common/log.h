/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging to stderr: one line a call, "agentshd[role]: text", control bytes
 * made visible. Helpers inherit privd's stderr; nobody opens /dev/log.
 */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <stdbool.h>

enum log_area {
	LOG_IPC = 1,
	LOG_HTTP = 2
};

void log_init(const char *role);
/* 0 warnings, 1 state changes (default), 2 debug. */
void log_set_verbose(int);
int log_get_verbose(void);
/* "ipc,http": 0, or -1 on an unknown name. */
int log_set_areas(const char *);

void log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_trace(enum log_area, const char *, ...)
    __attribute__((format(printf, 2, 3)));
/* The process cannot go on: with errno's text, or without; exit status 1. */
void fatal(const char *, ...) __attribute__((format(printf, 1, 2), noreturn));
void fatalx(const char *, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
