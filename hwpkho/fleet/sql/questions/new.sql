-- Pages that a host's list has and its previous capture did not.
SELECT host, before, after, first_pfn, last_pfn, pages, page_size, kexecs
FROM changes
WHERE change = 'new'
  AND (:host IS NULL OR host = :host)
  AND (:since IS NULL OR after >= :since)
ORDER BY host, after, first_pfn
