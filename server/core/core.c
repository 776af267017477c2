int jobd_core_stub;
