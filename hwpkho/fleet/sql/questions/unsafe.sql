-- Captures whose list the next kernel does not take: it crashes, refuses it, drops it or finds none.
SELECT host, taken_at, outcome, code, 'handover' AS of_what, case_name
FROM hosts
WHERE outcome <> 'replay'
  AND (:host IS NULL OR host = :host)
  AND (:since IS NULL OR taken_at >= :since)
UNION ALL
SELECT host, taken_at, efi_outcome AS outcome, efi_code AS code, 'efi-table' AS of_what, case_name
FROM hosts
WHERE efi_outcome <> 'accepted'
  AND (:host IS NULL OR host = :host)
  AND (:since IS NULL OR taken_at >= :since)
ORDER BY outcome, code NULLS LAST, host NULLS LAST, taken_at NULLS LAST, of_what,
         case_name
