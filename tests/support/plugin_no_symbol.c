// A shared object that is no plugin: it exports something else.
int plugin_no_symbol(void);

int plugin_no_symbol(void) {
    return 0;
}
