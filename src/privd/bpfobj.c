/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all programs for the kernel have in common, sklookup.bpf.c (steer_bpf.c)
 * and netcg.bpf.c (netcg.c).
 */
#include "bpfobj.h"
#include "maker.h"

#ifdef HAVE_BPF

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static int __attribute__((format(printf, 2, 0)))
say(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[AGENTSH_TEXT_MAX + 1];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("%s", text);
	return 0;
}

int
bpfobj_may(struct aerr *e)
{
	if (geteuid() == 0)
		return 0;
	return make_errorx(e, 500,
	    "an ordinary user may load no programs into the kernel");
}

struct bpf_object *
bpfobj_open(const void *bytes, size_t len)
{
	libbpf_set_print(say);
	return bpf_object__open_mem(bytes, len, NULL);
}

#else

int
bpfobj_may(struct aerr *e)
{
	return make_errorx(e, 500,
	    "this agentshd was built without programs for the kernel (configure"
	    " --with-bpf)");
}

#endif
