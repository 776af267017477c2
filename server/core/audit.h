// The parts of core_audit().
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

struct core;

void audit_clients(const struct core *core); // and their shares, lanes and handles
void audit_kept(const struct core *core);    // and the keys

#endif
