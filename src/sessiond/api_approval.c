/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of approvals. The API does not authenticate whoever may approve:
 * an agent could approve what it asked for itself. So there is nothing behind
 * them: policyd takes an operator's word by its own socket, and never from us.
 */
#include "http.h"
#include "sessiond.h"

void
api_approvals(struct request *rq)
{
	http_error(rq, 403,
	    "approvals are given by operators, outside of sessions: agentshctl approvals, approve ID, deny ID; not by this API, which has no authentication");
}
