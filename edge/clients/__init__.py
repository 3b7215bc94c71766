"""Doors to what is outside the node.

`day_list_files` (spreadsheets that stations keep) within `workbook_bounds`, opened by `lean_workbooks`;
`dose_workbook` and `correction_workbook` (spreadsheets that are handed out), `correction_files` (what comes back);
`http_central` (the centre over HTTP) with `send_window` (how much is on its way), `link_pace` (what the link takes),
`socket_options` (dead links), `answer_patience` (how long an answer may take), `centre_answers` (who answered) and
`centre_tls` (who is believed);
`removable_media` (which sticks are plugged in);
`signer_setting` (which organisation key the settings name); `lan_addresses` (where this machine is on the network) and
`server_tls` (how it shows itself there).
"""
