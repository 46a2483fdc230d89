/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Execs that a thread looks at (look.c), and what comes after that.
 */
#include <stddef.h>

#include "supervise.h"

static void
look_run(struct look *l)
{
	struct exec *x = (void *)((char *)l - offsetof(struct exec, look));

	x->run(x);
}

static void
look_done(struct look *l)
{
	struct exec *x = (void *)((char *)l - offsetof(struct exec, look));

	x->looking = false;
	if (x->dropped || l->left)
		supervise_drop(x);
	else
		x->then(x);
}

void
supervise_look(struct exec *x, void (*run)(struct exec *),
    void (*then)(struct exec *))
{
	x->looking = true;
	x->run = run;
	x->then = then;
	x->look.run = look_run;
	x->look.done = look_done;
	x->look.traces = run == trace_look;
	x->look.command = x->l.command;
	/* who is traced and dies is told by waitpid(2), and who has its answer
	 * does not ask any more */
	x->look.id = x->state == EXEC_RUNNING || x->state == EXEC_TRACED ?
	    0 :
	    x->req.id;
	look_start(&x->look);
}
