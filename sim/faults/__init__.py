"""What goes wrong: fault schedules that act on the rooms below."""
