-- Pages that a host's list had before a kexec and lacks after it: bad memory is in use again.
SELECT host, before, after, first_pfn, last_pfn, pages, page_size, kexecs
FROM changes
WHERE change = 'lost'
  AND (:host IS NULL OR host = :host)
  AND (:since IS NULL OR after >= :since)
ORDER BY host, after, first_pfn
