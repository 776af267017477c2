// Signals by their names.
#ifndef CTL_SIGNALS_H
#define CTL_SIGNALS_H

// "TERM", "SIGTERM", "term" or "15". 0 | JOBD_E_INVAL.
int signals_parse(const char *text, int *ret);

#endif
