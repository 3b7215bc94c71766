"""Doors to what is outside the node.

`day_list_files` (spreadsheets that stations keep) within `workbook_bounds`, `dose_workbook` and `correction_workbook`
(spreadsheets that are handed out), `correction_files` (what comes back); `http_central` (the centre over HTTP) with
`send_window` (how much is on its way);
`signer_setting` (which organisation key the settings name); `lan_addresses` (where this machine is on the network) and
`server_tls` (how it shows itself there).
"""
