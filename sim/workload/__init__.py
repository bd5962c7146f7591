"""What is asked of the alliance: rates over the day and the week, arrival times, and the records they bring."""
